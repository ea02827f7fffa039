// Small helps on the pages of settings: copy what is shown once, take the browser's timezone.

const page = document;

for (const button of page.querySelectorAll("[data-copy]")) {
  if (navigator.clipboard) button.hidden = false;
  button.addEventListener("click", async () => {
    const field = page.getElementById(button.dataset.copy);
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.querySelector("span").textContent = button.dataset.copied;
  });
}

for (const offer of page.querySelectorAll("[data-zone]")) {
  const choice = page.getElementById(offer.dataset.zone);
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const isKnown = [...choice.options].some((option) => option.value === timeZone);
  offer.querySelector("b").textContent = timeZone;
  offer.hidden = !isKnown || choice.value === timeZone;
  offer.querySelector("button").addEventListener("click", () => {
    choice.value = timeZone;
    offer.hidden = true;
    choice.focus();
  });
}
