// bertviz's heads and letters by keyboard: each has a name, and its weights can be read as numbers.
const fire = (element, type, bubbles = true) => element.dispatchEvent(new MouseEvent(type, { bubbles }));

function operate(element, role, name, keys, tabindex = 0) {
  const attributes = { role, tabindex, "aria-label": name };
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.addEventListener("keydown", event => {
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key](event);
  });
}

// A square for each head: Enter or Space switches it, with Shift it is seen alone.
function reachHeads(squares, config, head) {
  const tell = () => squares.forEach((square, i) => square.setAttribute("aria-pressed", config.headVis[i]));
  squares.forEach((square, i) => {
    const press = event => fire(square, event.shiftKey ? "dblclick" : "click");
    operate(square, "button", `${head} ${i}`, { Enter: press, " ": press });
    square.addEventListener("mousedown", event => event.preventDefault()); // a double click selects no text
    square.addEventListener("click", tell);
    square.addEventListener("dblclick", tell);
  });
  tell();
}

// A column of letters is one stop of the Tab key; arrows go from letter to letter.
function reachColumn(letters, name, leave) {
  const go = (from, by) => {
    const next = letters[(from + by + letters.length) % letters.length];
    letters.forEach(letter => letter.setAttribute("tabindex", letter === next ? 0 : -1));
    next.focus();
  };
  letters.forEach((letter, i) => {
    const keys = { ArrowDown: () => go(i, 1), ArrowUp: () => go(i, -1) };
    operate(letter, "option", name(i), keys, i ? -1 : 0);
    letter.addEventListener("focus", () => {
      letter.setAttribute("aria-label", name(i));
      fire(letter, "mouseover");
    });
    letter.addEventListener("blur", () => leave(letter));
  });
}

// Pointed at or focused, a letter shows the weights of its looks, the mean of the heads that are on.
function reachLetters(svg, config, attention) {
  const sides = { left: "looks at", right: "is looked at by" };
  const columns = Object.fromEntries(Object.keys(sides).map(side =>
    [side, [...svg.querySelector(`#${side}`).lastElementChild.children]]));
  const numbers = document.createElementNS(svg.namespaceURI, "g");
  numbers.setAttribute("class", "numbers");
  svg.insertBefore(numbers, svg.lastElementChild);
  const weights = (side, i) => {
    const on = attention.filter((_, head) => config.headVis[head]);
    const mean = (row, column) => on.reduce((sum, head) => sum + head[row][column], 0) / on.length;
    return columns[side === "left" ? "right" : "left"].map((_, k) => side === "left" ? mean(i, k) : mean(k, i));
  };
  const percent = share => `${Math.round(100 * share)}%`;
  for (const [side, verb] of Object.entries(sides)) {
    const box = svg.querySelector(`#${side}`), other = columns[side === "left" ? "right" : "left"];
    const word = letter => letter.querySelector("text").textContent;
    const name = i => `${word(columns[side][i])} ${verb} ` + weights(side, i)
      .map((share, k) => [share, word(other[k])]).filter(([share]) => share >= 0.01)
      .sort(([one], [two]) => two - one).slice(0, 3).map(([share, letter]) => `${letter} ${percent(share)}`).join(", ");
    box.setAttribute("role", "listbox");
    box.setAttribute("aria-label", side === "left" ? "letters that look" : "letters looked at");
    columns[side].forEach((letter, i) => letter.addEventListener("mouseover", () => {
      numbers.replaceChildren(...weights(side, i).flatMap((share, k) => {
        if (share < 0.01) return [];
        const text = document.createElementNS(svg.namespaceURI, "text");
        const place = other[k].querySelector("rect"), right = side === "left";
        text.textContent = percent(share);
        text.setAttribute("x", +place.getAttribute("x") + (right ? +place.getAttribute("width") - 4 : 4));
        text.setAttribute("y", +place.getAttribute("y") + 15);
        text.setAttribute("text-anchor", right ? "end" : "start");
        return [text];
      }));
    }));
    box.addEventListener("mouseleave", () => numbers.replaceChildren());
    reachColumn(columns[side], name, () => fire(box, "mouseleave", false));
  }
}

// A small drawing of the model view: Enter or Space enlarges it, or makes it small again.
function reachDrawing(element, config, layer, head, what) {
  const press = () => fire(element, "click");
  operate(element, "button", `layer ${config.layers[layer]}, ${what} ${config.heads[head]}`, { Enter: press, " ": press });
  const large = () => config.detail_layer === layer && config.detail_head === head;
  element.classList.add("drawing");
  element.setAttribute("aria-pressed", large());
  element.addEventListener("click", () => {
    element.ownerSVGElement.querySelectorAll(".drawing").forEach(one => one.setAttribute("aria-pressed", false));
    element.setAttribute("aria-pressed", large());
  });
}
