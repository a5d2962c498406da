// Parts of a page that are drawn once, and whose values change: only what is new comes from the server.

const feeds = (window.attune ??= {});

// As in components/browser_part.py: whichever of the two comes first makes it.
function feedOf(name) {
  const feed = (feeds[name] ??= { values: {}, draws: new Set() });
  if (feed.ask !== undefined) return feed;
  let whole = false;
  let last;
  let waiting = [];
  const tell = () => feed.send?.("asked", { all: !whole, requests: waiting });
  feed.ask = (request) => {
    waiting.push(numbered(request));
    tell();
  };
  // A drawing that does not follow on the last one says that one between them was dropped: all is asked for.
  feed.told = ({ turn, all, done }) => {
    whole = all || (whole && (turn === last || turn === last + 1));
    last = turn;
    waiting = notDone(waiting, done);
    if (!whole || waiting.length > 0) tell();
  };
  return feed;
}

// `data-bind="text headline, class look, --x place_x"` says where in the markup which value goes.
function bindingsOf(root) {
  return Array.from(root.querySelectorAll("[data-bind]")).flatMap((element) =>
    element.dataset.bind.split(",").map((pair) => {
      const [target, name] = pair.trim().split(" ");
      return { element, target, name, base: element.getAttribute("class") ?? "" };
    }),
  );
}

function put({ element, target, base }, value) {
  if (target === "text") {
    if (element.firstChild?.nodeType === Node.TEXT_NODE) element.firstChild.data = value;
    else element.textContent = value;
  } else if (target === "html") element.innerHTML = value;
  else if (target === "class") element.setAttribute("class", `${base} ${value}`);
  else if (target === "hidden") element.toggleAttribute("hidden", value);
  else if (target.startsWith("--")) element.style.setProperty(target, value);
  else element.setAttribute(target, value);
}

// Draws a part where it is not drawn yet; `onValues` is told of values that no element is bound to.
function mountPart({ data, parentElement }, onValues = () => {}) {
  const old = parentElement.querySelector(".at-root");
  if (old?.attuneHtml === data.html) return null;
  old?.remove();
  const root = document.createElement("div");
  root.className = "at-root";
  root.attuneHtml = data.html;
  root.innerHTML = data.html;
  parentElement.appendChild(root);
  const feed = feedOf(data.part);
  const bound = bindingsOf(root);
  const draw = (values) => {
    if (!root.isConnected) {
      feed.draws.delete(draw);
      return;
    }
    for (const one of bound) {
      if (!(one.name in values) || values[one.name] === one.shown) continue;
      one.shown = values[one.name];
      put(one, one.shown);
    }
    onValues(values, root);
  };
  draw.root = root;
  feed.draws.add(draw);
  draw(feed.values);
  return { root, feed };
}
