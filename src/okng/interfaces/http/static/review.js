/** The page Review: one image after another, judged by key, finger or mouse. */

import { attempt } from "./api.js";
import { make, the } from "./dom.js";
import { pageData, t } from "./page.js";
import { tell } from "./notices.js";
import { Marks } from "./review_marks.js";
import { ReviewQueue } from "./review_queue.js";
import { showSaid } from "./review_said.js";
import { Viewer } from "./viewer.js";
import { viewerTools } from "./viewer_tools.js";

const BLIND = "okng.review-blind";
const CHIPS = 9;

const viewer = new Viewer(the("viewer"), t("review.viewer"));
const marks = new Marks(viewer);
const queue = new ReviewQueue(pageData.product);
const blind = the("blind");
const form = the("defect-form");
const defects = [...pageData.defects];
/** The item in front, null where none is left, and the one whose picture is to be seen, too. */
let shown;
let seen = null;
let busy = false;
the("viewer-bar").append(viewerTools(viewer));

/** Return whether somebody can say what the part was: its picture is in front, and nothing is on its way. */
function canSay() {
  return !busy && seen !== null && seen === queue.current;
}

/** Say how many are left and done, and what can be pressed. */
function count() {
  the("left").textContent = queue.leftText;
  the("done").textContent = queue.done;
  the("undo").disabled = queue.said.length === 0;
  the("undo-last").hidden = queue.said.length === 0;
  the("back").disabled = !queue.hasBefore;
  the("reviewing").setAttribute("aria-busy", !canSay());
}

/** Show the item that the queue is at, or that there is none; what is shown already stays as it is. */
async function show() {
  const { current } = queue;
  count();
  if (current === shown) return;
  shown = current;
  seen = null;
  the("reviewing").hidden = current === null;
  the("nothing").hidden = current !== null;
  form.hidden = true;
  marks.reset();
  the("mark-clear").hidden = true;
  if (current === null) {
    viewer.clear();
    count();
    return;
  }
  showSaid(the("said"), current.inspection, viewer, blind.checked);
  the("loading").hidden = false;
  count();
  const picture = await current.picture;
  if (shown !== current) return;
  the("loading").hidden = true;
  viewer.show(picture);
  if (picture === null) tell(t("review.no_picture"), "REVIEW");
  seen = current;
  count();
  await lay(current);
}

/** Lay what the model found over the picture, unless it is hidden. */
async function lay(item) {
  if (viewer.image === null) return;
  if (blind.checked) {
    viewer.find([]);
    return;
  }
  // A thumbnail is smaller than the image in which the regions lie.
  const whole = viewer.size.width === item.inspection.image_width;
  viewer.find(whole ? item.inspection.regions : []);
  if (!viewer.showsHeat || !whole) return;
  const map = await queue.mapOf(item);
  if (map !== null && shown === item && !blind.checked) {
    viewer.find(item.inspection.regions, map);
    const next = queue.items[queue.at + 1];
    if (next) void queue.mapOf(next);
  }
}

/** Let the queue do one thing at a time, and show where that leads; meanwhile no key counts. */
async function act(work) {
  if (busy) return;
  busy = true;
  count();
  try {
    await attempt(work);
  } finally {
    busy = false;
    await show();
  }
}

/** Say what the part was, and go on to the next one. */
function say(verdict, defect = null) {
  if (!canSay()) return;
  void act(async () => {
    const mask = verdict === "NG" ? await marks.png() : null;
    await queue.say(verdict, defect, mask);
    if (defect && !defects.includes(defect)) defects.unshift(defect);
  });
}

function undo() {
  if (queue.said.length > 0) void act(() => queue.undo());
}

function go(step) {
  void act(() => queue.go(step));
}

/** Ask which defect it is. */
function askDefect() {
  if (!canSay()) return;
  const chip = (name, i) => make("button", { type: "button", class: "chip", onclick: () => say("NG", name) },
    make("kbd", {}, i + 1), make("span", { translate: "no" }, name));
  the("chips").replaceChildren(...defects.slice(0, CHIPS).map(chip));
  form.hidden = false;
  the("defect").value = "";
  the("defect").focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  say("NG", the("defect").value.trim() || null);
});
the("defect").addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    form.hidden = true;
    viewer.canvas.focus();
  }
  const chosen = defects[Number(event.key) - 1];
  if (/^[1-9]$/.test(event.key) && the("defect").value === "" && chosen !== undefined) {
    event.preventDefault();
    say("NG", chosen);
  }
});

function toggleHeat() {
  viewer.set({ showsHeat: !viewer.showsHeat });
}

/** Mark with a tool, from the keyboard: the cross is in the picture at once. */
function mark(kind) {
  marks.use(kind);
  if (marks.kind !== null) viewer.canvas.focus();
}

const KEYS = {
  o: () => say("OK"),
  n: askDefect,
  u: undo,
  h: toggleHeat,
  b: () => mark("box"),
  p: () => mark("brush"),
  ArrowRight: () => go(1),
  ArrowLeft: () => go(-1),
  Escape: () => marks.clear(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  if (event.target === viewer.canvas && viewer.cross.wants(event)) return; // it draws a mark
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const does = KEYS[key];
  if (does === undefined) return;
  event.preventDefault();
  event.stopPropagation(); // on the picture, arrows would move it
  does();
}, { capture: true });

viewer.addEventListener("change", () => {
  if (viewer.showsHeat && viewer.map === null && queue.current) void attempt(() => lay(queue.current));
});
marks.addEventListener("change", () => {
  the("mark-box").setAttribute("aria-pressed", marks.kind === "box");
  the("mark-brush").setAttribute("aria-pressed", marks.kind === "brush");
  the("brush-size").hidden = marks.kind !== "brush";
  the("mark-clear").hidden = marks.isEmpty;
});
for (const kind of ["box", "brush"]) {
  the(`mark-${kind}`).addEventListener("click", (event) => (event.detail === 0 ? mark(kind) : marks.use(kind)));
}
the("mark-clear").addEventListener("click", () => marks.clear());
the("brush-size").addEventListener("input", () => { marks.share = the("brush-size").value / 1000; });
the("say-ok").addEventListener("click", () => say("OK"));
the("say-ng").addEventListener("click", askDefect);
the("undo").addEventListener("click", undo);
the("undo-last").addEventListener("click", undo);
the("back").addEventListener("click", () => go(-1));
the("forward").addEventListener("click", () => go(1));
blind.checked = localStorage.getItem(BLIND) === "yes";
the("reviewing").classList.toggle("blind", blind.checked);
blind.addEventListener("change", () => {
  localStorage.setItem(BLIND, blind.checked ? "yes" : "no");
  the("reviewing").classList.toggle("blind", blind.checked);
  if (queue.current === null) return;
  showSaid(the("said"), queue.current.inspection, viewer, blind.checked);
  void attempt(() => lay(queue.current));
});
queue.addEventListener("left", () => { the("left").textContent = queue.leftText; });
queue.addEventListener("lost", () => void show());

await attempt(() => queue.begin());
await show();
