// Forms that only choose what the page shows send themselves; without this script their button does.
for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
