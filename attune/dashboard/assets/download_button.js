// A button that saves a text as a file. The text is on the page already, so nothing is asked of the server.

export default function show({ data, parentElement }) {
  let button = parentElement.querySelector("button");
  if (button === null) {
    button = document.createElement("button");
    button.type = "button";
    parentElement.appendChild(button);
  }
  button.textContent = data.label;
  button.title = data.help;
  button.onclick = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([data.text], { type: data.mime }));
    link.download = data.file_name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
}
