// Parts of the guided start that show values of the Live board.

export default function show(component) {
  mountPart(component);
}
