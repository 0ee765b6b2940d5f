// What bertviz's views expect of require.js and of jQuery, and no more: nothing here loads anything.
function standInForJQuery(what) {
  const element = what.startsWith("<") ? document.createElement("option") : document.querySelector(what);
  const self = {
    element,
    append: child => (element?.append(child.element), self),
    attr: (name, value) => (element?.setAttribute(name, value), self),
    change: () => (element?.dispatchEvent(new Event("change")), self),
    empty: () => (element?.replaceChildren(), self),
    on: (event, handler) => (element?.addEventListener(event, handler), self),
    text: value => (element && (element.textContent = value), self),
    val: value => (element && (element.value = value), self),
  };
  return self;
}
function requirejs(_names, run) {
  run(standInForJQuery, d3);
}
