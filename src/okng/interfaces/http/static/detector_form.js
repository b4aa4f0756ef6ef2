/** A form of a detector's settings, made from what the service says of them. */

import { get } from "./api.js";
import { icon, make } from "./dom.js";
import { t } from "./page.js";

let known = null; // asked once: the service has to look at all detectors

export class DetectorForm {
  /** @param {HTMLElement} place what it fills */
  constructor(place) {
    this.place = place;
    this.name = "";
    this.fields = [];
  }

  /**
   * Show the settings of a detector; nothing for "".
   * @returns {Promise<object|null>} the detector as the service tells it; null for ""
   */
  async show(name) {
    this.name = name;
    this.fields = [];
    this.place.hidden = name === "";
    if (name === "") return null;
    this.place.replaceChildren(make("p", { class: "small soft" }, t("train.asking")));
    known ??= get("/detectors");
    let card;
    try {
      card = (await known).detectors.find((one) => one.name === name);
    } catch (error) {
      known = null;
      throw error;
    }
    if (this.name !== name) return card; // another was chosen meanwhile
    if (card.missing) {
      this.place.replaceChildren(make("p", { class: "note", "data-verdict": "REVIEW" }, icon("verdict-review"), make("span", {}, card.missing)));
      return card;
    }
    this.fields = card.settings.map(field);
    this.place.replaceChildren(
      make("p", { class: "small soft" }, `${card.summary}. ${card.names_defects ? t("train.learns_defects") : t("train.learns_good")}`),
      ...this.fields.map(({ row }) => row));
    return card;
  }

  /** Return the settings that are not left as they are, by name. */
  values() {
    return Object.fromEntries(this.fields.map(({ name, read }) => [name, read()]).filter(([, value]) => value !== undefined));
  }
}

function field(setting) {
  const id = `setting-${setting.name}`;
  const input = entry(setting, id);
  const read = () => {
    if (setting.kind === "flag") return input.checked === setting.default ? undefined : input.checked;
    const text = input.value.trim();
    return text === "" || text === String(setting.default) ? undefined : parsed(text, setting);
  };
  const label = make("label", { for: id }, setting.title);
  const said = make("span", { class: "small soft", id: `${id}-said` }, setting.description);
  input.setAttribute("aria-describedby", said.id);
  return { name: setting.name, read, row: make("div", { class: setting.kind === "flag" ? "setting flag" : "setting" }, label, input, said) };
}

function entry(setting, id) {
  if (setting.kind === "flag") return make("input", { id, type: "checkbox", checked: setting.default });
  if (setting.kind === "choice") {
    const own = setting.default === null ? [make("option", { value: "" }, t("train.by_itself"))] : [];
    return make("select", { id, translate: "no" }, ...own,
      ...setting.choices.map((choice) => make("option", { selected: choice === setting.default }, choice)));
  }
  const placeholder = setting.default === null ? t("train.by_itself") : String(setting.default);
  const isNumber = setting.kind !== "text" && setting.choices.length === 0;
  if (!isNumber) return make("input", { id, type: "text", placeholder, autocomplete: "off", spellcheck: false });
  return make("input", {
    id, type: "number", placeholder, step: setting.kind === "integer" ? 1 : "any",
    min: setting.least ?? setting.above, max: setting.most ?? setting.below,
  });
}

/** Numbers and lists are JSON; what is none is a word. */
function parsed(text, setting) {
  if (setting.choices.includes(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
