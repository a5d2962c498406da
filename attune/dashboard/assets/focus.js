// Keys keep their place: where what had the focus is gone, its successor gets it. Start becomes Stop, a choice closes.

const FOCUSABLE = "button:not(:disabled), a[href], input:not(:disabled), textarea:not(:disabled), summary, [tabindex='0']";
const LOOK_MS = 150;
const KEPT = 3; // a menu closes with the button that opened it: then it is the one before

const canHaveIt = (one) => one.matches(FOCUSABLE) && one.tabIndex >= 0 && one.checkVisibility();
const within = (part) => [part, ...part.querySelectorAll(FOCUSABLE)].filter(canHaveIt);

// What is around it, up to a part of the page, and the how many-th place it has there.
function placeOf(element) {
  const around = [];
  for (let child = element, parent; (parent = child.parentElement) !== null; child = parent) {
    if (parent.matches("body, .stMainBlockContainer, .stMainBlockContainer > *")) break;
    around.push({ parent, index: [...parent.children].indexOf(child) });
  }
  return { element, around };
}

function successor({ element, around }) {
  if (element.isConnected) return element;
  for (const { parent, index } of around) {
    if (!parent.isConnected) continue;
    const places = [...parent.children];
    const there = [...places.slice(index), ...places.slice(0, index).reverse()].flatMap(within);
    if (there.length > 0) return there[0];
  }
  return null;
}

function keepFocus() {
  let places = [];
  let byKeys = false;
  let lost = false;
  document.addEventListener("keydown", () => { byKeys = true; }, true);
  document.addEventListener("pointerdown", () => { byKeys = false; }, true);
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches(FOCUSABLE)) places = [placeOf(target), ...places].slice(0, KEPT);
  });
  setInterval(() => {
    const before = lost;
    lost = byKeys && document.activeElement === document.body && places[0]?.element.isConnected === false;
    // Twice in a row: Streamlit may be about to put it back.
    if (before && lost) places.map(successor).find(Boolean)?.focus({ preventScroll: true });
  }, LOOK_MS);
}

export default function show() {
  if (window.attuneFocus) return;
  window.attuneFocus = true;
  keepFocus();
}
