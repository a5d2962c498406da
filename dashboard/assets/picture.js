// Owns the button that has a river saved as a picture.

export default function show({ data, parentElement }) {
  let button = parentElement.querySelector("button");
  if (button === null) {
    button = document.createElement("button");
    button.type = "button";
    parentElement.appendChild(button);
  }
  button.textContent = data.label;
  button.title = data.help;
  button.onclick = () => document.dispatchEvent(new CustomEvent("attune-picture", { detail: data.key }));
}
