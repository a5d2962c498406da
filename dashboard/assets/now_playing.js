// Owns the bar at the foot of pages in the browser: its buttons, the volume, a position that moves by itself.

const BAR = "at-now";
const STEP_MS = 500;
const JUMP_S = 1.5;
const TRUSTED_MS = 6000;
const bars = new WeakMap();

function element(name, attributes, parent) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return parent.appendChild(made);
}

function make(parentElement) {
  const root = element("section", { class: BAR, "aria-label": "Now playing" }, parentElement);
  const bar = {
    root,
    body: element("div", { class: "body" }, root),
    said: element("p", { class: "hidden", role: "status" }, root),
    html: null,
    ask: () => {},
    held: false,
    touchedMs: -TRUSTED_MS,
    from: null,
  };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button !== null) bar.ask({ what: button.dataset.do });
  });
  root.addEventListener("input", (event) => {
    bar.touchedMs = performance.now();
    fill(event.target);
  });
  root.addEventListener("change", (event) => {
    bar.touchedMs = performance.now();
    bar.ask({ what: "volume", value: Number(event.target.value) });
  });
  root.addEventListener("pointerdown", (event) => { bar.held = event.target.matches("input"); });
  for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => { bar.held = false; });
  const timer = setInterval(() => (root.isConnected ? move(bar) : clearInterval(timer)), STEP_MS);
  return bar;
}

function draw(bar, { html, volume }) {
  // A new slider would be torn from under a finger.
  if (bar.held) return;
  const before = bar.body.querySelector("input")?.value;
  if (html !== bar.html) {
    bar.html = html;
    const focus = bar.root.getRootNode().activeElement?.dataset?.focus;
    bar.body.innerHTML = html;
    if (focus !== undefined) {
      bar.body.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
    }
  }
  // What was asked for a moment ago is truer than what the player has told so far.
  const slider = bar.body.querySelector("input");
  const touched = before !== undefined && performance.now() - bar.touchedMs < TRUSTED_MS;
  if (slider === null) return;
  slider.value = touched ? before : volume;
  fill(slider);
}

function fill(slider) {
  slider.style.setProperty("--filled", `${slider.value}%`);
}

// Pictures come late by turns: a small difference is no reason to jump.
function settle(bar, position) {
  const old = bar.from;
  const fresh = position === null ? null : { ...position, sinceMs: performance.now() };
  const same = old !== null && fresh !== null && old.length_s === fresh.length_s && old.playing === fresh.playing;
  if (!same || Math.abs(reached(old) - fresh.at_s) > JUMP_S) bar.from = fresh;
}

function reached({ at_s, length_s, playing, sinceMs }) {
  return Math.min(length_s, at_s + (playing ? (performance.now() - sinceMs) / 1000 : 0));
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function move(bar) {
  const gone = bar.body.querySelector(".gone");
  if (gone === null || bar.from === null) return;
  const at = reached(bar.from);
  gone.style.transform = `scaleX(${(at / bar.from.length_s).toFixed(4)})`;
  bar.body.querySelector(".at").textContent = clock(at);
  bar.body.querySelector(".length").textContent = clock(bar.from.length_s);
}

export default function show({ data, parentElement, setTriggerValue }) {
  let bar = bars.get(parentElement);
  if (bar === undefined) bars.set(parentElement, (bar = make(parentElement)));
  bar.ask = (asked) => setTriggerValue("asked", asked);
  draw(bar, data);
  settle(bar, data.position);
  move(bar);
  if (bar.said.textContent !== data.said) bar.said.textContent = data.said;
}
