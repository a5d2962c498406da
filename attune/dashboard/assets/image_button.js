// A button that has a mood timeline saved as an image.

export default function show({ data, parentElement }) {
  let button = parentElement.querySelector("button");
  if (button === null) {
    button = document.createElement("button");
    button.type = "button";
    parentElement.appendChild(button);
  }
  button.textContent = data.label;
  button.title = data.help;
  button.onclick = () => document.dispatchEvent(new CustomEvent("attune-save-image", { detail: data.key }));
}
