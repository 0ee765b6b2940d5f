// Each formula stands in the page as its LaTeX source; KaTeX typesets it, with MathML for screen readers.
for (const place of document.querySelectorAll(".math")) {
  const source = place.textContent;
  katex.render(source.replace(/^\\displaystyle\s*/, ""), place, {displayMode: place.tagName === "DIV", throwOnError: false, strict: "ignore"});
}
document.documentElement.dataset.math = "typeset";
