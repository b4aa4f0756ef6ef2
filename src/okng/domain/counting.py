"""Numbers with their nouns, as people write them."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 image`, `1,000 images`; `plural` is for nouns that take more than an s."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def chosen(number: int, one: str, several: str) -> str:
    """Return the word that goes with a number, as in `is` and `are`."""
    return one if number == 1 else several
