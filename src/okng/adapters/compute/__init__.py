"""Where trainings are computed."""
