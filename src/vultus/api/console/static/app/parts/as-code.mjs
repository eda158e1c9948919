// What a page just did, as a program does it: a curl line and Python, with $KEY in place of the key.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";

// method, path, form (values; "@name" is a file), json: the call. python: the lines that come after `client`.
export function AsCode({ method = "GET", path, form, json, python }) {
  const base = new URL(".", document.baseURI).href.replace(/\/$/, "");
  const lines = {
    curl: curlOf(method, `${base}/${path}`, form, json),
    Python: `from vultus_client import Client\n\nclient = Client("${base}", key=KEY)\n${python}`,
  };
  return html`
    <details class="as-code">
      <summary><${Icon} name="code" />${t("code.title")}</summary>
      ${Object.entries(lines).map(([name, text]) => html`<${Snippet} key=${name} name=${name} text=${text} />`)}
    </details>
  `;
}

export function Snippet({ name, text }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false));
  return html`
    <div class="snippet" dir="ltr">
      <div class="snippet-head">
        <span>${name}</span>
        ${navigator.clipboard && html`
          <button type="button" class="button quiet" onClick=${copy}>
            <${Icon} name="copy" /><span aria-live="polite">${copied ? t("code.copied") : t("code.copy")}</span>
          </button>
        `}
      </div>
      <pre tabindex="0"><code>${text}</code></pre>
    </div>
  `;
}

function curlOf(method, url, form, json) {
  const words = ["curl", ...(method === "GET" || form || (json && method === "POST") ? [] : ["-X", method])];
  words.push("-H", '"x-api-key: $KEY"');
  for (const [name, value] of Object.entries(form ?? {}))
    for (const one of [value].flat()) if (one !== undefined && one !== null) words.push("-F", quoted(`${name}=${one}`));
  if (json) words.push("-H", quoted("content-type: application/json"), "-d", quoted(JSON.stringify(json)));
  return [...words, quoted(url)].join(" ");
}

// One word for a POSIX shell. $KEY is quoted otherwise, as the shell puts it in.
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
