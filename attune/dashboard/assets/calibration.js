// Replaces the HTML of a recording in place, so that bars glide and nothing flickers.

const ROOT = "at-root";

function morphAttributes(old, next) {
  for (const { name } of Array.from(old.attributes)) {
    if (!next.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of Array.from(next.attributes)) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function morphChildren(old, next) {
  const wanted = Array.from(next.childNodes);
  wanted.forEach((child, index) => {
    const present = old.childNodes[index];
    if (present === undefined) {
      old.appendChild(child);
    } else if (present.nodeType !== child.nodeType || present.nodeName !== child.nodeName) {
      old.replaceChild(child, present);
    } else if (child.nodeType === Node.TEXT_NODE) {
      if (present.data !== child.data) present.data = child.data;
    } else {
      morphAttributes(present, child);
      morphChildren(present, child);
    }
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

export default function show({ data, parentElement, setTriggerValue }) {
  let root = parentElement.querySelector("." + ROOT);
  if (root === null) {
    root = document.createElement("div");
    root.className = ROOT;
    parentElement.appendChild(root);
  }
  keepAlive(root, { ask: () => setTriggerValue("beat", Date.now()) });
  const template = document.createElement("template");
  template.innerHTML = data.html;
  morphChildren(root, template.content);
  showTitle(data.title, "voice");
}
