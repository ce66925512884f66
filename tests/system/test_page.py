"""The page at `/`, driven in Chromium as a newcomer drives it: by keyboard, and with a mistake."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.system.conftest import RunningSystem

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="There is no Chromium. Install it: apt-get install chromium")


@pytest.fixture
def page(system: RunningSystem) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page()
        refused: list[str] = []
        opened.on(
            "console", lambda message: refused.append(message.text) if "Content Security" in message.text else None
        )
        opened.goto(f"{system.plan.regions['westeurope'].base_url}/")
        yield opened
        assert refused == []
        browser.close()


def fill_token(page: Page, system: RunningSystem) -> None:
    page.get_by_label("Token of a scorer").fill(system.plan.token_file("scorer").read_text())


def test_page_scores_its_ready_claim_by_keyboard_alone(page: Page, system: RunningSystem) -> None:
    fill_token(page, system)
    page.get_by_label("Token of a scorer").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Deal, as JSON")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Score this deal")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_have_text("review")
    expect(page.locator("ol.reasons li")).to_have_count(8)
    expect(page.locator("dl")).to_contain_text("deal-fraud 1.0.0")


def test_page_shows_every_fault_of_a_deal_where_it_is(page: Page, system: RunningSystem) -> None:
    fill_token(page, system)
    page.get_by_label("Deal, as JSON").fill('{"deal_id": "D-1", "features": {"age": "old", "nobody": 1}}')
    page.get_by_label("Deal, as JSON").press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("/features/age")
    expect(page.get_by_role("alert")).to_contain_text("/features/nobody")


def test_page_without_a_token_scores_by_one_button_in_the_local_system(page: Page) -> None:
    page.get_by_role("button", name="Score this deal").click()
    expect(page.locator(".outcome")).to_have_text("review")


def test_page_on_a_phone_shows_the_decision_without_being_scrolled(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Score this deal").click()
    expect(page.locator(".outcome")).to_be_in_viewport()


def test_page_with_a_token_that_is_none_says_so(page: Page) -> None:
    page.get_by_label("Token of a scorer").fill("nonsense")
    page.get_by_role("button", name="Score this deal").click()
    expect(page.get_by_role("alert")).to_contain_text("A valid token is required")
