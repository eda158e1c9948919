"""The values that components of the console follow."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.real

SET_RIGHT_AFTER_DRAWING = """async () => {
  const module = (path) => import(new URL(`console/${path}`, document.baseURI));
  const [{ store, useStore }, { html }] = await Promise.all([module("app/store.mjs"), module("app/html.mjs")]);
  const { render } = await module("vendor/preact.mjs");
  const value = store("starting");
  const Shown = () => html`<p>${useStore(value)}</p>`;
  const place = document.createElement("div");
  render(html`<${Shown} />`, place);
  value.set("open"); // effects of the first drawing have not run yet
  await new Promise((done) => setTimeout(done, 500));
  return place.textContent;
}"""


def test_a_value_that_is_set_before_its_follower_is_ready_is_drawn_all_the_same(open_console):
    """Else a server that answers at once leaves the page at "starting" for ever."""
    assert open_console("same").evaluate(SET_RIGHT_AFTER_DRAWING) == "open"
