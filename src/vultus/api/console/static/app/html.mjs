// Markup as tagged templates: html`<p class="note">${text}</p>`. Text is text: nothing that is put in becomes markup.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
