"""A stage whose customers are the contacts of companies."""

from __future__ import annotations

import csv
import shutil
from email import message_from_bytes, policy
from pathlib import Path

from stage import CUSTOMER, RELANCE, Stage

BUSY = "{event: order, count: {at_least: 2}}"
STEP = "[{send: {channel: email, template: hello}}]"
B2B = RELANCE.replace("  key: id\n", "  key: id\n  account: company\n  role: job\n").replace(
    "channels:\n",
    "accounts: {table: companies, key: id, attributes: [name, tier, renews_on]}\nchannels:\n",
)


class Supplier(Stage):
    """Contacts belong to companies; a company orders through any of them."""

    columns = (*CUSTOMER, "company", "job")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.companies: dict[str, dict[str, str]] = {}
        self.settings("")

    def copied(self, root: Path) -> Supplier:
        """The same world in another folder, with all that relance knows of it."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        copy = Supplier(root)
        copy.now, copy.orders = self.now, [dict(row) for row in self.orders]
        copy.customers = {name: dict(row) for name, row in self.customers.items()}
        copy.companies = {name: dict(row) for name, row in self.companies.items()}
        return copy

    def settings(self, text: str) -> None:
        self.write("config/relance.yaml", B2B + text)

    def company(self, *names: str, **columns: str) -> None:
        for name in names:
            own = {"id": name, "name": name.title(), "tier": "silver", "renews_on": "2026-03-05"}
            self.companies[name] = {**own, **columns}

    def contact(self, name: str, company: str, job: str = "buyer", **columns: str) -> None:
        self.arrive(name, company=company, job=job, **columns)

    def account_trigger(self, name: str = "hello", **keys: str) -> None:
        usual = {"enters": "accounts", "segment": BUSY}
        self.trigger(name, **{**usual, **keys})

    def written_to(self) -> list[str]:
        """Whom the letters in the outbox are for, in the order of their names."""
        mails = (
            message_from_bytes(path.read_bytes(), policy=policy.default) for path in self.mail()
        )
        return sorted(str(mail["To"]).removesuffix("@example.com") for mail in mails)

    def mail(self) -> list[Path]:
        return [path for path in self.outbox() if path.suffix == ".eml"]

    def texts(self) -> str:
        mails = (
            message_from_bytes(path.read_bytes(), policy=policy.default) for path in self.mail()
        )
        return "\n".join(str(mail["Subject"]) for mail in mails)

    def sends(self) -> list[str]:
        """Everybody written to once all that is due has left."""
        self.deliver()
        return self.written_to()

    def _write_data(self) -> None:
        super()._write_data()
        with (self.root / "data/companies.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["id", "name", "tier", "renews_on"])
            writer.writeheader()
            writer.writerows(self.companies.values())
