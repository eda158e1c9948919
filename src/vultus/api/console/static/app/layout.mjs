// What all pages stand in: the bar at the top, the navigation, the page of the address.
import { useEffect, useRef, useState } from "preact/hooks";
import { CollectionChoice, LanguageChoice, ThemeChoice } from "./choices.mjs";
import { html } from "./html.mjs";
import { t } from "./i18n.mjs";
import { Icon } from "./icons.mjs";
import { openPage, pagesOf } from "./pages.mjs";
import { ProblemNote } from "./parts/problem.mjs";
import { link, route } from "./router.mjs";
import { collection, session, signOut } from "./session.mjs";
import { useStore } from "./store.mjs";

export function Layout() {
  const at = useStore(route);
  const pages = pagesOf(useStore(session));
  const current = pages.find(({ name }) => name === at.page) ?? (at.page ? null : pages[0]);
  const main = useRef();
  const toMain = (event) => {
    event.preventDefault();
    main.current.focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${toMain}>${t("layout.skip")}</a>
    <${TopBar} />
    <${Pages} pages=${pages} current=${current} />
    <main id="main" tabindex="-1" ref=${main}><${Page} page=${current} at=${at} main=${main} /></main>
  `;
}

// On a narrow page the list is folded behind a button with the name of the page.
function Pages({ pages, current }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [current]);
  return html`
    <nav class=${open ? "pages open" : "pages"} aria-label=${t("layout.pages")}>
      <button type="button" class="page-link menu" aria-expanded=${open} aria-controls="page-list" onClick=${() => setOpen(!open)}>
        <${Icon} name="menu" />${current ? t(`nav.${current.name}`) : t("layout.pages")}
      </button>
      <div id="page-list">
        ${pages.map((page) => html`<${PageLink} key=${page.name} page=${page} current=${page === current} />`)}
        <a class="page-link" href="docs"><${Icon} name="code" />${t("layout.api")}</a>
      </div>
    </nav>
  `;
}

const PageLink = ({ page, current }) => html`
  <a class="page-link" href=${link(page.name)} aria-current=${current ? "page" : undefined}>
    <${Icon} name=${page.icon} />${t(`nav.${page.name}`)}
  </a>
`;

function TopBar() {
  const { key, keyless } = useStore(session);
  return html`
    <header class="bar">
      <a class="brand" href="#/">Vultus</a>
      <${CollectionChoice} />
      <span class="spread"></span>
      <${LanguageChoice} /><${ThemeChoice} />
      ${!keyless && html`
        <bdi class="key-name">${key.name}</bdi>
        <button class="button quiet out" title=${key.name} onClick=${signOut}><${Icon} name="out" /><span>${t("layout.sign_out")}</span></button>
      `}
    </header>
  `;
}

// Loads the module of a page when it is first shown. The focus goes to a new page, so that it is read from its top.
function Page({ page, at, main }) {
  const [opened, setOpened] = useState(null);
  const first = useRef(true);
  const name = page?.name;
  useEffect(() => {
    document.title = name ? `${t(`nav.${name}`)} - Vultus` : "Vultus";
    if (!name) return;
    let left = false;
    const open = (what) => !left && setOpened({ name, ...what });
    openPage(page).then((Component) => open({ Component }), (problem) => open({ problem }));
    if (!first.current) main.current.focus();
    first.current = false;
    return () => (left = true);
  }, [name]);
  if (!name) return html`<h1>${t("layout.no_page")}</h1><p>${t("layout.no_page_hint")}</p>`;
  if (opened?.name !== name) return html`<p class="hint" aria-busy="true">…</p>`;
  if (opened.problem) return html`<${ProblemNote} problem=${opened.problem} />`;
  return html`<${opened.Component} route=${at} collection=${useStore(collection)} />`;
}
