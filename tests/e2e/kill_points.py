#!/usr/bin/env python3
"""Kills dirbridge at many points of a run, lets the next run finish, and compares the tenant
with that of an undisturbed run.

  kill_points.py BUILD WORK POINTS   POINTS: how many in all, 0 = every one there is

Two runs are disturbed: the first one, which creates everybody, and a later one with joiners,
movers and leavers. After each kill: one run more (a second where the first has something left
to look at), then an empty plan; the accounts and all they hold equal the undisturbed ones, and
nobody is there twice.
"""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

BUILD, WORK, POINTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
WORKERS = 2
PRELOAD = BUILD + "/tests/preload/kill_at.so"


class Sandbox:
    def __init__(self, folder):
        out = open(folder + "/sandbox.out", "wb")
        self.process = subprocess.Popen(
            [BUILD + "/dirbridge-sandbox", "--listen", "127.0.0.1:0", "--data",
             folder + "/tenant.jsonl", "--rate", "0", "--lag", "0", "--seed", "11"],
            stdout=out, stderr=subprocess.DEVNULL)
        out.close()
        while True:
            text = open(folder + "/sandbox.out").read()
            found = re.search(r"http://127\.0\.0\.1:\d+", text)
            if found:
                self.url = found.group(0)
                return
            if self.process.poll() is not None:
                sys.exit("the sandbox did not start")
            time.sleep(0.005)

    def state(self):
        with urllib.request.urlopen(self.url + "/sandbox/state") as answer:
            return [json.loads(line) for line in answer.read().decode().splitlines()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def plain(things):
    """What is there, by names instead of ids; versions and dates are none of it."""
    names = {t["id"]: t.get("email") or t.get("name") for t in things if "id" in t}
    out = []

    def named(value):
        if isinstance(value, str):
            return names.get(value, value)
        if isinstance(value, list):
            return sorted((named(v) for v in value), key=json.dumps)
        if isinstance(value, dict):
            return {k: named(v) for k, v in value.items() if k != "version"}
        return value
    for thing in things:
        thing = dict(thing)
        thing.pop("id", None)
        out.append(json.dumps(named(thing), sort_keys=True))
    return sorted(out)


def run(folder, url, *args, kill=None, count=None):
    settings = open(folder + "/settings.in").read().replace("URL", url)
    with open(folder + "/dirbridge.yaml", "w") as f:
        f.write(settings)
    env = dict(os.environ)
    if kill or count:
        env["LD_PRELOAD"] = PRELOAD
    if kill:
        env["KILL_AT"] = kill
    if count:
        env["KILL_COUNT"] = count
    return subprocess.run([BUILD + "/dirbridge", *args, "-c", folder + "/dirbridge.yaml"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env)


def set_up(folder, start):
    """The state of things before the disturbed run."""
    for name in os.listdir(folder):
        if name.startswith("dirbridge.db"):
            os.unlink(folder + "/" + name)
    for name in os.listdir(start):
        if os.path.isdir(start + "/" + name):
            if not os.path.isdir(folder + "/" + name):
                shutil.copytree(start + "/" + name, folder + "/" + name)
        else:
            shutil.copy(start + "/" + name, folder + "/" + name)


def retarget(folder, url):
    """The state is of a tenant by its address, and each sandbox has another port."""
    path = folder + "/dirbridge.db"
    if not os.path.exists(path):
        return
    db = sqlite3.connect(path)
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if any(row[1] == "target" for row in db.execute("PRAGMA table_info(%s)" % table)):
            db.execute("UPDATE %s SET target = ?" % table, (url,))
    db.commit()
    db.close()


def undisturbed(start, folder):
    """The tenant after one good run from there, and how many places there are to kill it."""
    os.makedirs(folder, exist_ok=True)
    set_up(folder, start)
    sandbox = Sandbox(folder)
    retarget(folder, sandbox.url)
    done = run(folder, sandbox.url, "apply", "--yes", count=folder + "/count")
    if done.returncode != 0:
        sys.exit("the undisturbed run: exit %d\n%s" % (done.returncode, done.stdout.decode()))
    state = sandbox.state()
    sandbox.stop()
    counts = dict(line.split() for line in open(folder + "/count"))
    return plain(state), {kind: int(n) for kind, n in counts.items()}


def one(folder, start, expected, kill):
    """None, or what is wrong after that kill."""
    set_up(folder, start)
    sandbox = Sandbox(folder)
    try:
        retarget(folder, sandbox.url)
        killed = run(folder, sandbox.url, "apply", "--yes", kill=kill)
        if killed.returncode != -signal.SIGKILL:
            return "it was not killed: exit %d" % killed.returncode
        for _ in range(2):
            again = run(folder, sandbox.url, "apply", "--yes")
            if again.returncode == 0:
                break
        if again.returncode != 0:
            return "the run after it: exit %d\n%s" % (again.returncode, again.stdout.decode()[-1500:])
        plan = run(folder, sandbox.url, "plan", "--exit-code")
        if plan.returncode != 0:
            return "something is left: exit %d\n%s" % (plan.returncode, plan.stdout.decode()[-1500:])
        things = sandbox.state()
        emails = [t["email"].lower() for t in things if t.get("kind") == "user"]
        if len(set(emails)) != len(emails):
            return "somebody is there twice"
        got = plain(things)
        if got != expected:
            more, less = set(got) - set(expected), set(expected) - set(got)
            return "the tenant differs\n+ %s\n- %s" % ("\n+ ".join(sorted(more)[:5]),
                                                       "\n- ".join(sorted(less)[:5]))
        return None
    finally:
        sandbox.stop()


def spread(points, wanted):
    """Evenly, a third of them between a request and its outcome."""
    if not wanted or wanted >= len(points):
        return points
    between = [p for p in points if p[1].endswith("after") and p[1].startswith("send")
               or p[1].startswith("recv")]
    others = [p for p in points if p not in between]
    third = min(len(between), wanted // 3)
    rest = min(len(others), wanted - third)
    return [between[i * len(between) // third] for i in range(third)] + \
        [others[i * len(others) // rest] for i in range(rest)]


def main():
    scenes = {}
    points = []
    for scene in ("first", "later"):
        expected, counts = undisturbed(WORK + "/" + scene, WORK + "/calm-" + scene)
        scenes[scene] = expected
        for kind, total in counts.items():
            if not total:
                sys.exit("no %s was met in the run \"%s\"" % (kind, scene))
            for n in range(1, total + 1):
                for when in ("before", "after") if kind != "recv" else ("after",):
                    points.append((scene, "%s:%d:%s" % (kind, n, when)))
    chosen = spread(points, POINTS)
    todo, failed, lock = list(chosen), [], threading.Lock()

    def work(number):
        folder = "%s/worker-%d" % (WORK, number)
        os.makedirs(folder, exist_ok=True)
        while True:
            with lock:
                if not todo:
                    return
                scene, kill = todo.pop()
            why = one(folder, WORK + "/" + scene, scenes[scene], kill)
            # How many writes there are may differ by a few from run to run.
            if why and why.startswith("it was not killed: exit 0"):
                why = None
                with lock:
                    missed.append((scene, kill))
            if why:
                with lock:
                    failed.append("%s run, %s: %s" % (scene, kill, why))
    missed = []
    threads = [threading.Thread(target=work, args=(i,)) for i in range(WORKERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for text in failed[:10]:
        print("FAIL " + text)
    met = len(chosen) - len(missed)
    print("kill points: %d of %d, %d met, %d failed" % (len(chosen), len(points), met, len(failed)))
    sys.exit(1 if failed or met < 0.9 * len(chosen) else 0)


main()
