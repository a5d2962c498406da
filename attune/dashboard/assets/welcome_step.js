// What a step is about. A new step takes the focus: the button that led to it is gone.

let shown;

export default function show({ data, parentElement }) {
  let root = parentElement.querySelector(".at-root");
  if (root === null) {
    root = document.createElement("div");
    root.className = "at-root";
    parentElement.appendChild(root);
  }
  if (root.attuneHtml !== data.html) {
    root.attuneHtml = data.html;
    root.innerHTML = data.html;
    if (shown !== undefined && shown !== data.step) root.querySelector("h2").focus();
  }
  shown = data.step;
  // What comes after the guided start begins at its top.
  return () => setTimeout(() => root.isConnected || document.querySelector("[data-testid=stMain]")?.scrollTo(0, 0));
}
