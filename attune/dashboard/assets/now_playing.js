// The bar at the foot of pages: its buttons, the volume, a position that moves by itself.

const STEP_MS = 500;
const JUMP_S = 1.5;
const VOLUME_GRACE_MS = 6000;

function element(name, attributes, parent) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return parent.appendChild(made);
}

function make({ root: place, feed }) {
  const root = place.querySelector(".at-now");
  const bar = {
    root,
    feed,
    body: element("div", { class: "body" }, root),
    announcement: element("p", { class: "hidden", role: "status" }, root),
    html: null,
    request: feed.ask,
    touchedMs: -VOLUME_GRACE_MS,
    from: null,
  };
  root.addEventListener("click", (event) => {
    follow(event);
    const button = event.target.closest("button[data-action]");
    if (button === null) return;
    say(bar, button);
    bar.request({ action: button.dataset.action });
  });
  root.addEventListener("input", (event) => {
    bar.touchedMs = performance.now();
    fill(event.target);
  });
  root.addEventListener("change", (event) => {
    bar.touchedMs = performance.now();
    bar.request({ action: "volume", value: Number(event.target.value) });
  });
  bar.isPressed = whilePressed(root, () => update(bar));
  const timer = setInterval(() => (root.isConnected ? move(bar) : clearInterval(timer)), STEP_MS);
  return bar;
}

// A page is left as by the menu. Where the server changes pages while one is still being built, Streamlit's page
// breaks and stays dead. Without a menu the browser follows the address.
function follow(event) {
  const link = event.target.closest("a[href]");
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const entry = [...document.querySelectorAll(".st-key-at-tabs a")].find((one) => last(one) === last(link));
  if (entry === undefined) return;
  event.preventDefault();
  entry.click();
}

const last = (link) => link.pathname.split("/").at(-1);

// What was suggested takes a moment to begin: that is said at once, and nobody presses twice.
function say(bar, button) {
  if (button.dataset.action !== "accept") return;
  const line = button.parentElement.querySelector("strong");
  line.textContent = line.dataset.starting;
  for (const other of button.parentElement.querySelectorAll("button")) other.setAttribute("aria-disabled", "true");
}

function draw(bar, { html, volume }) {
  if (bar.isPressed()) return;
  const before = bar.body.querySelector("input")?.value;
  if (html !== bar.html) {
    bar.html = html;
    const focus = bar.root.getRootNode().activeElement?.dataset?.focus;
    bar.body.innerHTML = html;
    if (focus !== undefined) {
      const same = bar.body.querySelector(`[data-focus="${CSS.escape(focus)}"]`);
      // A button that has done its work is gone: who goes on by keyboard goes on from the bar.
      const next = same ?? bar.body.querySelector("a, button:not(:disabled)") ?? bar.root;
      next.focus({ preventScroll: true });
    }
  }
  // What was asked for a moment ago is newer than what the player has reported so far.
  const slider = bar.body.querySelector("input");
  const touched = before !== undefined && performance.now() - bar.touchedMs < VOLUME_GRACE_MS;
  if (slider === null) return;
  slider.value = touched ? before : volume;
  fill(slider);
}

function fill(slider) {
  slider.style.setProperty("--filled", `${slider.value}%`);
}

// Drawings come late by turns: a small difference is no reason to jump.
function updatePosition(bar, position) {
  const old = bar.from;
  const fresh = position === null ? null : { ...position, sinceMs: performance.now() };
  const same = old !== null && fresh !== null && old.length_s === fresh.length_s && old.playing === fresh.playing;
  if (!same || Math.abs(reached(old) - fresh.at_s) > JUMP_S) bar.from = fresh;
}

function reached({ at_s, length_s, playing, sinceMs }) {
  return Math.min(length_s, at_s + (playing ? (performance.now() - sinceMs) / 1000 : 0));
}

function move(bar) {
  const elapsed = bar.body.querySelector(".elapsed");
  if (elapsed === null || bar.from === null) return;
  const at = reached(bar.from);
  elapsed.style.transform = `scaleX(${(at / bar.from.length_s).toFixed(4)})`;
  bar.body.querySelector(".elapsed-time").textContent = clock(at);
  bar.body.querySelector(".length").textContent = clock(bar.from.length_s);
}

export default function show(component) {
  let bar = null;
  const part = mountPart(component, () => update(bar));
  if (part === null) return;
  bar = make(part);
  update(bar);
}

function update(bar) {
  const values = bar?.feed.values;
  if (values?.html === undefined) return;
  draw(bar, values);
  updatePosition(bar, values.position);
  move(bar);
  if (bar.announcement.textContent !== values.announcement) bar.announcement.textContent = values.announcement;
}
