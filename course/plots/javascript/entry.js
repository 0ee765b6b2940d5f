// All that bertviz 1.4 uses of d3. Version 5 of d3, because from version 6 on an event handler is called with other arguments.
export { hsl } from "d3-color";
export { default as scaleOrdinal } from "d3-scale/src/ordinal.js";
export { schemeCategory10 } from "d3-scale-chromatic";
export { select, selectAll } from "d3-selection";
export const version = "5, a subset";
