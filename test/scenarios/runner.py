#!/usr/bin/env python3
"""Conformance runner.

  runner.py record [NAME...]             run the Perl reference servers, write NAME/expected.json
  runner.py verify [NAME...]             run the Perl reference servers again and compare
  runner.py verify --cmd 'node srv.js {name}' [NAME...]
                                         run another implementation: {name} = scenario name,
                                         {dir} = its folder; the environment is the same as Perl's
                                         --expected DIR: where DIR/{name}.json exists it replaces
                                         the recorded expectation (known deviations)
  runner.py play NAME HOST PORT [--pid PID] [--log FILE]
                                         only play the client against a server started elsewhere

Environment given to a server: SCN_PORT (a free port; a second one is SCN_PORT2),
SCN_LOG (event log to append to), SCN_TMP (private temp folder), SCN_DIR.
The server must append the line "ready" to SCN_LOG when it accepts connections.
Event lines starting with "perl-warn" are Perl warnings; --strict keeps them in the comparison.
"""
import sys, os, json, socket, struct, time, subprocess, signal, hashlib, tempfile, shutil, errno

ROOT = os.path.dirname(os.path.abspath(__file__))
T = 5.0
# How many times longer than a scenario says something may take: its limits were set on a machine that did nothing else.
# What arrives, and in which order, stays as exact as it is.
PATIENCE = float(os.environ.get("SCN_PATIENCE", "1"))

def b2s(b):
    if len(b) > 300:
        return {"len": len(b), "sha1": hashlib.sha1(b).hexdigest(), "head": b[:20].decode("latin-1")}
    return b.decode("latin-1")

def payload(st):
    if "text" in st: return st["text"].encode("latin-1")
    if "hex" in st: return bytes.fromhex(st["hex"])
    if "repeat" in st: return st["repeat"].encode("latin-1") * st["count"]
    return b""

class Player:
    def __init__(self, scn, host, ports, log=None, pid=None, proc=None, tmp=None):
        self.scn, self.host, self.ports, self.log, self.pid, self.proc, self.tmp = scn, host, ports, log, pid, proc, tmp
        self.c, self.out = {}, []

    def lines(self):
        try:
            with open(self.log) as f: return f.read().split("\n")[:-1]
        except (OSError, TypeError): return []

    def recv_some(self, s, tmo):
        s.settimeout(max(tmo, 0.001))
        try: return s.recv(65536)
        except socket.timeout: return None
        except ConnectionResetError: return "reset"

    def step(self, st):
        op, name = st["op"], st.get("conn", "a")
        s = self.c.get(name)
        tmo = st.get("within_ms", T * 1000) / 1000 * PATIENCE
        if op in ("connect", "connect_unix", "udp"):
            fam = {"connect": socket.AF_INET, "udp": socket.AF_INET, "connect_unix": socket.AF_UNIX}[op]
            s = socket.socket(fam, socket.SOCK_DGRAM if op == "udp" else socket.SOCK_STREAM)
            if "rcvbuf" in st: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, st["rcvbuf"])
            s.settimeout(T)
            try:
                if op == "connect_unix": s.connect(os.path.join(self.tmp, st["path"]))
                else: s.connect((self.host, self.ports[st.get("port", 0)]))
            except (ConnectionRefusedError, FileNotFoundError) as e:
                s.close(); return "refused"
            if op == "connect": s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.c[name] = s
            return "ok"
        if op == "send":
            d = payload(st)
            try:
                s.settimeout(T); s.send(d) if not d else s.sendall(d); return "sent %d" % len(d)
            except socket.timeout: return "send blocked"
            except OSError as e: return errno.errorcode.get(e.errno, str(e))
        if op == "expect":                       # exact bytes (or any N bytes with "count")
            want = payload(st) if ("text" in st or "hex" in st or "repeat" in st) else None
            n = len(want) if want is not None else st["count"]
            got, end, short = b"", time.time() + tmo, lambda x: x
            if st.get("only_complete"):          # record only whether all N bytes arrived
                short = lambda x: {"complete": len(got) == n}
            while len(got) < n and time.time() < end:
                s.settimeout(max(end - time.time(), 0.001))
                try: x = s.recv(n - len(got))
                except socket.timeout: break
                except ConnectionResetError: return short({"got": b2s(got), "then": "reset"})
                if not x: return short({"got": b2s(got), "then": "eof"})
                got += x
            if st.get("only_complete"): return short(0)
            return {"got": b2s(got), **({} if want is None else {"match": got == want})}
        if op == "expect_nothing":
            x = self.recv_some(s, st["ms"] / 1000)
            return "nothing" if x is None else ("reset" if x == "reset" else "eof" if x == b"" else {"got": b2s(x)})
        if op == "expect_close":                 # everything up to the end of the stream
            got, end = b"", time.time() + tmo
            while time.time() < end:
                x = self.recv_some(s, end - time.time())
                if x is None: continue
                if x == "reset": return {"got": b2s(got), "end": "reset"}
                if x == b"": return {"got": b2s(got), "end": "eof"}
                got += x
            return {"got": b2s(got), "end": "still open"}
        if op == "expect_datagram":
            s.settimeout(tmo)
            try: return {"got": b2s(s.recv(65536))}
            except socket.timeout: return "timeout"
            except ConnectionRefusedError: return "refused"
        if op == "half_close":
            try: s.shutdown(socket.SHUT_WR); return "ok"
            except OSError as e: return errno.errorcode.get(e.errno, str(e))
        if op == "rst":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); s.close(); del self.c[name]; return "ok"
        if op == "close": s.close(); del self.c[name]; return "ok"
        if op == "wait": time.sleep(st["ms"] / 1000); return "ok"
        if op == "wait_event":                   # until the server logged this line (or N of them)
            end = time.time() + tmo
            while time.time() < end:
                if self.lines().count(st["line"]) >= st.get("times", 1): return "seen"
                time.sleep(0.01)
            return "timeout"
        if op == "signal":
            time.sleep(0.15)                     # let the server go back to waiting (see scenario 13)
            os.kill(self.pid, getattr(signal, "SIG" + st["sig"])); return "ok"
        if op == "wait_exit":
            if not self.proc: return "unknown"
            try: rc = self.proc.wait(tmo)
            except subprocess.TimeoutExpired: return "running"
            if st.get("nonzero"): return "exit nonzero" if rc else "exit 0"
            return "exit %d" % rc if rc >= 0 else "killed %d" % -rc
        if op == "server_running":
            return "running" if self.proc and self.proc.poll() is None else "exited"
        raise ValueError(op)

    def play(self):
        for i, st in enumerate(self.scn["client"]):
            try: r = self.step(st)
            except Exception as e: r = "error: %s: %s" % (type(e).__name__, e)
            self.out.append({"step": i, "op": st["op"], **({"conn": st["conn"]} if "conn" in st else {}), "result": r})
        return self.out

def free_ports(n):
    ss = []
    for _ in range(n):
        s = socket.socket(); s.bind(("127.0.0.1", 0)); ss.append(s)
    p = [s.getsockname()[1] for s in ss]
    for s in ss: s.close()
    return p

def run(name, cmd=None):
    d = os.path.join(ROOT, name)
    scn = json.load(open(os.path.join(d, "scenario.json")))
    tmp = tempfile.mkdtemp(prefix="scn-")
    log, ports = os.path.join(tmp, "events.log"), free_ports(2)
    open(log, "w").close()
    env = dict(os.environ, SCN_PORT=str(ports[0]), SCN_PORT2=str(ports[1]), SCN_LOG=log, SCN_TMP=tmp, SCN_DIR=d,
               PERL5LIB=os.path.join(ROOT, "lib") + (":" + os.environ["PERL5LIB"] if os.environ.get("PERL5LIB") else ""))
    argv = [os.path.join(d, "server.pl")] if scn.get("start") == "direct" else ["perl", os.path.join(d, "server.pl")]
    if cmd: argv = cmd.format(name=name, dir=d).split()
    if scn.get("argv"): argv += [a.replace("{tmp}", tmp) for a in scn["argv"]]
    proc = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, cwd=tmp,
                            stdout=open(os.path.join(tmp, "stdout"), "w"), stderr=open(os.path.join(tmp, "stderr"), "w"))
    p = Player(scn, "127.0.0.1", ports, log, proc.pid, proc, tmp)
    try:
        end = time.time() + T
        while time.time() < end and "ready" not in p.lines() and proc.poll() is None: time.sleep(0.01)
        tr = p.play()
        time.sleep(scn.get("settle_ms", 150) / 1000)
    finally:
        if proc.poll() is None: proc.kill(); proc.wait()
        for s in p.c.values(): s.close()
    rep = lambda l: l.replace(tmp, "{tmp}").replace(d, "{dir}").replace(str(ports[0]), "{port}").replace(str(ports[1]), "{port2}").replace(str(proc.pid), "{pid}")
    ev = [rep(l) for l in p.lines() if l != "ready"]
    so = rep(open(os.path.join(tmp, "stdout")).read()); se = rep(open(os.path.join(tmp, "stderr"), errors="replace").read())
    res = {"transcript": tr, "events": ev}
    if scn.get("keep_stdout"): res["server_stdout"] = so
    if os.environ.get("SCN_DEBUG") and se: print(se[:3000])
    shutil.rmtree(tmp)
    return scn, res

def norm(res, scn, strict):
    r = json.loads(json.dumps(res))
    if not strict: r["events"] = [e for e in r["events"] if not e.startswith("perl-warn")]
    if scn.get("unordered_events"): r["events"] = sorted(r["events"])
    return r

def names(a):
    return [os.path.basename(x.rstrip("/")) for x in a] or sorted(n for n in os.listdir(ROOT) if os.path.exists(os.path.join(ROOT, n, "scenario.json")))

def main(a):
    if not a: print(__doc__); return 2
    mode, a = a[0], a[1:]
    strict = "--strict" in a; a = [x for x in a if x != "--strict"]
    cmd, others = None, []
    if "--cmd" in a: i = a.index("--cmd"); cmd = a[i + 1]; del a[i:i + 2]
    while "--expected" in a: i = a.index("--expected"); others.append(a[i + 1]); del a[i:i + 2]
    if mode == "play":
        pid = log = None
        if "--pid" in a: i = a.index("--pid"); pid = int(a[i + 1]); del a[i:i + 2]
        if "--log" in a: i = a.index("--log"); log = a[i + 1]; del a[i:i + 2]
        scn = json.load(open(os.path.join(ROOT, a[0], "scenario.json")))
        print(json.dumps(Player(scn, a[1], [int(a[2])] * 2, log, pid).play(), indent=1)); return 0
    bad = 0
    for n in names(a):
        scn, res = run(n, cmd)
        f = os.path.join(ROOT, n, "expected.json")
        for other in others if mode != "record" else []:
            if os.path.exists(os.path.join(other, n + ".json")): f = os.path.join(other, n + ".json")
        if mode == "record":
            with open(f, "w") as fh:
                fh.write('{"transcript": [\n ' + ",\n ".join(json.dumps(x) for x in res["transcript"]) + "\n],\n\"events\": [\n " +
                         ",\n ".join(json.dumps(x) for x in res["events"]) + "\n]" +
                         (',\n"server_stdout": ' + json.dumps(res["server_stdout"]) if "server_stdout" in res else "") + "}\n")
            print("recorded", n, flush=True)
            if os.environ.get("SCN_SHOW"): print(open(f).read())
        else:
            want = json.load(open(f))
            want.pop("comment", None)            # a deviation's number and reason
            ok = norm(want, scn, strict) == norm(res, scn, strict)
            print("ok  " if ok else "FAIL", n, flush=True)
            if not ok:
                bad += 1
                w, g = norm(want, scn, strict), norm(res, scn, strict)
                for k in w:
                    if w[k] != g.get(k): print("   want", k, json.dumps(w[k])[:3000]); print("   got ", k, json.dumps(g.get(k))[:3000])
    return 1 if bad else 0

if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
