// Puts what the server says into the elements that have the same names.
const number = (v, digits) => v.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
new EventSource("/live").onmessage = (message) => {
  const seen = JSON.parse(message.data);
  for (const element of document.querySelectorAll("[data-path]")) {
    const value = element.dataset.path.split(".").reduce((at, name) => at[name], seen);
    element.textContent = typeof value === "number" ? number(value, Number(element.dataset.digits || 0)) : value;
  }
};
