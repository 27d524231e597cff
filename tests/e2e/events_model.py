"""What change events should make of entities, written down a second time and as plainly as possible:
the judge of the engine's answer, sharing nothing with it.

State of an entity: None (never seen), or {"deleted": bool, "fields": {...}, "at": time of the newest
event that took part, "resolved": bool}.
"""
WHOLE = ("create", "upsert")


def latest_wins(events):
    """Every field as the newest event that says something of it left it: events in the order of
    (timestamp, id), one after the other."""
    state = None
    for e in sorted(events, key=lambda e: (e["timestamp"], e["event_id"])):
        if e["operation"] == "delete":
            state = {"deleted": True, "fields": {}}
        elif e["operation"] in WHOLE or state is None or state["deleted"]:
            state = {"deleted": False, "fields": dict(e["data"])}
        else:
            state = {"deleted": False, "fields": {**state["fields"], **e["data"]}}
        state["at"] = e["timestamp"]
    return state


def _apply(state, e):
    at = max(e["timestamp"], state["at"]) if state else e["timestamp"]
    resolved = bool(state and state["resolved"])
    if e["operation"] == "delete":
        return {"deleted": True, "fields": {}, "at": at, "resolved": False}
    if e["operation"] in WHOLE or state is None or state["deleted"]:
        return {"deleted": False, "fields": dict(e["data"]), "at": at, "resolved": False}
    return {"deleted": False, "fields": {**state["fields"], **e["data"]}, "at": at, "resolved": resolved}


def step(strategy, state, e, always_take=()):
    """(outcome, state after) of one event under merge, stored_wins, event_wins or manual."""
    conflict = state is not None and state["at"] > e["timestamp"]
    if not conflict or strategy == "event_wins":
        after = _apply(state, e)
        return ("deleted" if after["deleted"] else "applied"), after
    if strategy == "stored_wins":
        return "ignored", state
    if strategy == "manual":
        return "manual", state
    if state["deleted"] or e["operation"] == "delete":
        return "ignored", state
    fields = dict(state["fields"])
    for name, value in e["data"].items():
        if name not in fields or name in always_take:
            fields[name] = value
    return "merged", {"deleted": False, "fields": fields, "at": state["at"], "resolved": True}
