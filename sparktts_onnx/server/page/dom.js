// Small helpers for the page: elements by id, errors that a person can read, questions.

export const $ = (id) => document.getElementById(id);

/** Show an error at the top of what is visible. */
export function showProblem(error) {
  $("problem-text").textContent = error.message;
  $("problem").hidden = false;
}

export function clearProblem() {
  $("problem").hidden = true;
}

/** Run `work` with a button busy; errors are shown. */
export async function busy(button, work) {
  clearProblem();
  button.disabled = true;
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") showProblem(error);
    return undefined;
  } finally {
    button.disabled = false;
  }
}

/** Show a dialog; whether it was answered with yes. */
export function ask(dialog) {
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.returnValue = "";
    dialog.showModal();
  });
}

/** A list's item: what it is, something smaller below, and buttons `[label, action, description]`. */
export function item(title, detail, buttons) {
  const line = document.createElement("li");
  const what = document.createElement("div");
  what.className = "what";
  what.append(title);
  const small = document.createElement("small");
  small.textContent = detail;
  what.append(small);
  line.append(what);
  for (const [label, action, description] of buttons) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.setAttribute("aria-label", description);
    button.addEventListener("click", () => action(button));
    line.append(button);
  }
  return line;
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

export const seconds = (value) => `${value.toFixed(value < 10 ? 1 : 0)} s`;
