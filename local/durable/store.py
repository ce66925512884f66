"""The task hub in one SQLite file: instances, histories, messages, activities.

Every public method that writes is one transaction. The file is in WAL mode without a flush at each commit: nothing that
was committed is lost with the process, the last moments may be with the machine.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.durable.decisions import Status
from local.durable.entities import Batch
from local.durable.events import Event, dump
from local.durable.instances import Instance, Message, Start, Task
from local.durable.rewind import Rewound
from local.durable.turns import Commit, Turn

SCHEMA = Path(__file__).with_name("schema.sql")
COLUMNS = (
    "instance_id, execution_id, name, version, status, created_at, updated_at, input_text, output_text, custom_status,"
    " parent"
)
FORMAT = 1


class StoreUnusable(RuntimeError):
    """The file can't be used; the message says why and what to do."""


class Store:
    """The file. Not for use from more than one thread; a second process is refused."""

    def __init__(self, file: Path, lock_timeout_s: float = 5.0) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, timeout=lock_timeout_s, isolation_level=None)
        try:
            self._prepare(file)
        except sqlite3.OperationalError as error:
            self._db.close()
            raise StoreUnusable(f"{file} can't be used ({error}). Does another host run on it?") from error
        except StoreUnusable:
            self._db.close()
            raise

    def _prepare(self, file: Path) -> None:
        """The exclusive lock keeps a second process away; the system lets go of it with the process."""
        for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
            self._db.execute(f"PRAGMA {setting}")
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, FORMAT):
            raise StoreUnusable(f"{file} has format {found}, this host writes {FORMAT}. Delete it to begin anew.")
        self._db.executescript(SCHEMA.read_text())
        self._db.execute(f"PRAGMA user_version = {FORMAT}")
        with self._transaction():
            self._db.execute("UPDATE messages SET visible_at = sent_at WHERE visible_at IS NULL")
            self._db.execute("UPDATE tasks SET available_at = 0 WHERE available_at IS NULL")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # What is due

    def due_instances(self, now: int, limit: int) -> list[str]:
        """Whom messages wait for, the longest waiting first."""
        found = self._db.execute(
            "SELECT instance_id FROM messages WHERE visible_at <= ? GROUP BY instance_id"
            " ORDER BY min(visible_at), min(row) LIMIT ?",
            (now, limit),
        )
        return [instance_id for (instance_id,) in found]

    def due_tasks(self, now: int, limit: int) -> list[Task]:
        """Activities to run, the oldest first."""
        found = self._db.execute(
            "SELECT instance_id, execution_id, task_id, name, input_text, row FROM tasks"
            " WHERE available_at <= ? ORDER BY row LIMIT ?",
            (now, limit),
        )
        return [Task(*columns) for columns in found]

    def next_due(self, now: int) -> int | None:
        """When something becomes due next, after now."""
        found = self._db.execute(
            "SELECT min(at) FROM (SELECT min(visible_at) AS at FROM messages WHERE visible_at > ?"
            " UNION ALL SELECT min(available_at) FROM tasks WHERE available_at > ?)",
            (now, now),
        )
        at: int | None = found.fetchone()[0]
        return at

    # Turns

    def load_turn(self, instance_id: str, now: int) -> Turn | None:
        """The messages for an instance, with its history; messages for nobody are thrown away."""
        rows = self._messages(instance_id, now)
        instance = self.find(instance_id)
        if instance is None or instance.status.is_final:
            self.drop_messages([row for row, _, _ in rows])
            return None
        if not rows:
            return None
        continued = [row for row in rows if row[2]]
        return Turn(
            instance=instance,
            past=self.history(instance_id),
            arrived=[json.loads(event) for _, event, _ in continued or rows],
            message_rows=[row for row, _, _ in continued or rows],
            continued=bool(continued),
        )

    def _messages(self, instance_id: str, now: int) -> list[tuple[int, str, int]]:
        return self._db.execute(
            "SELECT row, event, continues FROM messages WHERE instance_id = ? AND visible_at <= ?"
            " ORDER BY visible_at, row",
            (instance_id, now),
        ).fetchall()

    def history(self, instance_id: str) -> list[str]:
        """An instance's events, as stored."""
        found = self._db.execute("SELECT event FROM history WHERE instance_id = ? ORDER BY position", (instance_id,))
        return [event for (event,) in found]

    def commit_turn(self, commit: Commit, now: int) -> None:
        """Write everything that a turn changed."""
        with self._transaction():
            self._delete_messages(commit.message_rows)
            self._put(commit.instance)
            if commit.starts_over:
                self._db.execute("DELETE FROM history WHERE instance_id = ?", (commit.instance.instance_id,))
                for event in commit.starts_over:
                    self._send(Message(commit.instance.instance_id, event, now), now, continues=1)
            self._append(commit.instance.instance_id, commit.history)
            self._add_tasks(commit.tasks, now)
            for start in commit.starts:
                self._start(start, now)
            for message in commit.messages:
                self._send(message, now)
            for sent in commit.requests:
                self._send(Message(sent.entity_id, dict(sent.request), now), now)
            if commit.instance.status.is_final:
                self._db.execute("DELETE FROM messages WHERE instance_id = ?", (commit.instance.instance_id,))

    def load_batch(self, entity_id: str, now: int) -> Batch:
        """The requests to an entity."""
        rows = self._messages(entity_id, now)
        requests = [json.loads(request) for _, request, _ in rows]
        return Batch(entity_id, self.find(entity_id), requests, [row for row, _, _ in rows])

    def commit_batch(self, batch: Batch, instance: Instance, responses: Sequence[Message], now: int) -> None:
        """Write everything that a batch of operations changed."""
        with self._transaction():
            self._delete_messages(batch.message_rows)
            self._put(instance)
            for response in responses:
                self._send(response, now)

    def park(self, instance_id: str) -> None:
        """Leave an instance's messages until the next start."""
        with self._transaction():
            self._db.execute("UPDATE messages SET visible_at = NULL WHERE instance_id = ?", (instance_id,))

    def drop_messages(self, rows: Sequence[int]) -> None:
        """Delete messages."""
        with self._transaction():
            self._delete_messages(rows)

    # Activities

    def claim(self, tasks: Iterable[Task], back_at: int) -> None:
        """Mark activities as running: without an end they are due again at that time."""
        with self._transaction():
            self._db.executemany(
                "UPDATE tasks SET available_at = ? WHERE row = ?", [(back_at, task.row) for task in tasks]
            )

    def park_task(self, task: Task) -> None:
        """Leave an activity until the next start."""
        with self._transaction():
            self._db.execute("UPDATE tasks SET available_at = NULL WHERE row = ?", (task.row,))

    def finish_task(self, task: Task, event: Event, now: int) -> None:
        """Forget an activity and tell its instance how it ended. The second end of one that ran twice is ignored."""
        with self._transaction():
            if self._db.execute("DELETE FROM tasks WHERE row = ?", (task.row,)).rowcount:
                self._send(Message(task.instance_id, event, now, task.execution_id), now)

    # Clients

    def start(self, start: Start, now: int) -> Instance | None:
        """Start an instance, or return the living one of the same id."""
        with self._transaction():
            return self._start(start, now)

    def send(self, message: Message, now: int) -> None:
        """Send a message."""
        with self._transaction():
            self._send(message, now)

    def find(self, instance_id: str) -> Instance | None:
        """One instance."""
        found = self._db.execute(f"SELECT {COLUMNS} FROM instances WHERE instance_id = ?", (instance_id,)).fetchone()  # noqa: S608
        return None if found is None else _instance(found)

    def list_instances(self) -> Iterator[Instance]:
        """All instances by id, read as they are asked for."""
        for found in self._db.execute(f"SELECT {COLUMNS} FROM instances ORDER BY instance_id"):  # noqa: S608
            yield _instance(found)

    def rewind(self, rewound: Sequence[Rewound], resume: Event, now: int) -> None:
        """Put rewound histories in place and let those go on that needn't wait for a child."""
        with self._transaction():
            for one in rewound:
                self._db.execute("DELETE FROM history WHERE instance_id = ?", (one.instance_id,))
                self._append(one.instance_id, [dump(event) for event in one.history])
                self._db.execute(
                    "UPDATE instances SET status = ?, output_text = NULL, updated_at = ? WHERE instance_id = ?",
                    (Status.PENDING.value, now, one.instance_id),
                )
                if one.resumes:
                    self._send(Message(one.instance_id, resume, now), now)

    def purge(self, instance_ids: Sequence[str]) -> None:
        """Forget instances with everything of theirs."""
        with self._transaction():
            for instance_id in instance_ids:
                self._forget(instance_id)
                self._db.execute("DELETE FROM instances WHERE instance_id = ?", (instance_id,))

    # Parts of a transaction

    def _start(self, start: Start, now: int) -> Instance | None:
        instance = start.instance
        living = self.find(instance.instance_id)
        if living is not None and not living.status.is_final:
            return living
        self._forget(instance.instance_id)
        self._put(instance)
        self._send(Message(instance.instance_id, start.event, now), now)
        return None

    def _forget(self, instance_id: str) -> None:
        for table in ("history", "messages"):
            self._db.execute(f"DELETE FROM {table} WHERE instance_id = ?", (instance_id,))  # noqa: S608

    def _put(self, instance: Instance) -> None:
        self._db.execute(
            f"INSERT OR REPLACE INTO instances ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                instance.instance_id,
                instance.execution_id,
                instance.name,
                instance.version,
                instance.status.value,
                instance.created_at,
                instance.updated_at,
                instance.input_text,
                instance.output_text,
                instance.custom_status,
                None if instance.parent is None else dump(instance.parent),
            ),
        )

    def _append(self, instance_id: str, history: Sequence[str]) -> None:
        found = self._db.execute("SELECT max(position) FROM history WHERE instance_id = ?", (instance_id,))
        first = (found.fetchone()[0] or 0) + 1
        self._db.executemany(
            "INSERT INTO history (instance_id, position, event) VALUES (?, ?, ?)",
            [(instance_id, position, event) for position, event in enumerate(history, first)],
        )

    def _add_tasks(self, tasks: Sequence[Task], now: int) -> None:
        self._db.executemany(
            "INSERT INTO tasks (instance_id, execution_id, task_id, name, input_text, available_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(t.instance_id, t.execution_id, t.task_id, t.name, t.input_text, now) for t in tasks],
        )

    def _send(self, message: Message, now: int, continues: int = 0) -> None:
        if message.execution_id is not None:
            target = self.find(message.instance_id)
            if target is None or target.status.is_final or target.execution_id != message.execution_id:
                return
        self._db.execute(
            "INSERT INTO messages (instance_id, event, visible_at, sent_at, continues) VALUES (?, ?, ?, ?, ?)",
            (message.instance_id, dump(message.event), message.visible_at, now, continues),
        )

    def _delete_messages(self, rows: Sequence[int]) -> None:
        self._db.executemany("DELETE FROM messages WHERE row = ?", [(row,) for row in rows])


def _instance(columns: Sequence[object]) -> Instance:
    (instance_id, execution_id, name, version, status, created, updated, input_text, output, custom, parent) = columns
    return Instance(
        instance_id=str(instance_id),
        execution_id=str(execution_id),
        name=str(name),
        version=str(version),
        status=Status(str(status)),
        created_at=int(str(created)),
        updated_at=int(str(updated)),
        input_text=None if input_text is None else str(input_text),
        output_text=None if output is None else str(output),
        custom_status=None if custom is None else str(custom),
        parent=None if parent is None else json.loads(str(parent)),
    )
