"""Durable Functions on this machine: the protocol of azure-functions-durable over one SQLite file.

One turn of an orchestration: messages arrive (`store.py`), become the newest events of its history, and the whole
history goes to the orchestrator function (`turns.py`). What it answers, every action since its beginning, is replayed
against that history as the real host does (`replay.py`); what the history doesn't hold yet is new and is committed
together with the turn: events, timers, activities, messages to others. A kill between two commits loses nothing.
"""
