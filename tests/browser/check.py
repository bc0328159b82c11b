"""Opens HTML reports in a headless Chromium and uses them as a person would.

usage: check.py CHROMIUM DIR [SHOTS]

DIR holds fleet.html (a small fleet), hostile.html (every text is hostile), timeline.html and postmortem.html (of one
host) and many.html (1 000 hosts). With SHOTS, screenshots are written there. Exits 1 when something is not as it must
be. Needs nothing but Python: it speaks the DevTools protocol over the browser's pipe.
"""

import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import time

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-pipe""".split()
SECONDS = 60


class Browser:
    """One browser with one page."""

    def __init__(self, chromium, profile):
        to_read, self.to = os.pipe()
        self.of, of_write = os.pipe()
        command = 'exec "$@" 3<&%d 4>&%d' % (to_read, of_write)
        arguments = ['sh', '-c', command, 'sh', chromium, *FLAGS, '--user-data-dir=' + profile, 'about:blank']
        self.process = subprocess.Popen(
            arguments, pass_fds=(to_read, of_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(of_write)
        self.number, self.buffer, self.events, self.session = 0, b'', [], None
        target = self.send('Target.createTarget', url='about:blank')['targetId']
        self.session = self.send('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.send(domain + '.enable')

    def close(self):
        self.process.terminate()
        self.process.wait(10)

    def receive(self):
        end = time.monotonic() + SECONDS
        while b'\0' not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.of], [], [], left)[0]:
                raise TimeoutError('the browser does not answer')
            part = os.read(self.of, 1 << 16)
            if not part:
                raise EOFError('the browser ended')
            self.buffer += part
        message, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(message)

    def send(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.to, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.receive()
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError('%s: %s' % (method, answer['error']))
                return answer['result']
            self.events.append(answer)

    def open(self, path, address=''):
        """Loads a page and gives the seconds that it took."""
        start = time.monotonic()
        self.send('Page.navigate', url='about:blank')
        while not self.run("location.protocol === 'about:'"):
            time.sleep(0.02)
        self.events = []
        self.send('Page.navigate', url='file://' + os.path.abspath(path) + address)
        while not self.run("location.protocol === 'file:' && document.readyState === 'complete'"):
            time.sleep(0.02)
        self.run('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
        return time.monotonic() - start

    def run(self, script):
        answer = self.send('Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(json.dumps(answer['exceptionDetails'])[:500])
        return answer['result'].get('value')

    def complaints(self):
        """Errors of the page, dialogs it opened and what it asked the network for."""
        found = []
        for event in self.events:
            method, values = event.get('method'), event.get('params', {})
            if method in ('Runtime.exceptionThrown', 'Page.javascriptDialogOpening'):
                found.append(json.dumps(values)[:300])
            if method == 'Log.entryAdded' and values['entry']['level'] in ('error', 'warning'):
                found.append(values['entry']['text'])
            if method == 'Runtime.consoleAPICalled' and values['type'] in ('error', 'warning'):
                found.append(json.dumps(values)[:300])
            if method == 'Network.requestWillBeSent' and not values['request']['url'].startswith(('file:', 'about:')):
                found.append('asks for ' + values['request']['url'][:200])
        return found

    def shot(self, path, width, scheme):
        self.send('Emulation.setDeviceMetricsOverride', width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.send('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])
        height = min(self.run('document.documentElement.scrollHeight'), 8000)
        self.send('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.run('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
        clip = {'x': 0, 'y': 0, 'width': width, 'height': height, 'scale': 1}
        picture = self.send('Page.captureScreenshot', captureBeyondViewport=True, clip=clip)
        with open(path, 'wb') as file:
            file.write(base64.b64decode(picture['data']))


VISIBLE = "[...document.querySelectorAll('%s')].filter(e => !e.hidden).length"
TYPE = """(async () => { const e = %s; e.value = %s; e.dispatchEvent(new Event('input', {bubbles: true}));
    await new Promise(done => setTimeout(done, 250)); return true; })()"""


def enter(browser, element, value):
    browser.run(TYPE % (element, json.dumps(value)))


def check(checks, name, found, wanted):
    checks.append((name, found, wanted))
    print('%s %s' % ('ok    ' if found == wanted else 'FAILED', name)
          + ('' if found == wanted else ': %r instead of %r' % (found, wanted)))


def fleet(browser, folder, checks):
    browser.open(os.path.join(folder, 'fleet.html'))
    check(checks, 'all hosts are shown', browser.run(VISIBLE % '.host'), 4)
    check(checks, 'a picture is drawn', browser.run("document.querySelectorAll('figure svg rect').length > 5"), True)
    enter(browser, "document.getElementById('search')", 'RDPWRAP')
    check(checks, 'search keeps the host', browser.run(VISIBLE % '.host'), 1)
    check(checks, 'search keeps its line', browser.run(VISIBLE % 'tr[id^=line-]'), 1)
    enter(browser, "document.getElementById('search')", '')
    enter(browser, "document.getElementById('status')", 'healthy')
    check(checks, 'status filters', browser.run(VISIBLE % '.host'), 1)
    enter(browser, "document.getElementById('status')", '')
    check(checks, 'empty filters show all', browser.run(VISIBLE % '.host'), 4)
    rows = '#h1 .evidence tbody tr'
    check(checks, 'all evidence is shown', browser.run(VISIBLE % rows), 4)
    enter(browser, "document.querySelector('#h1 .tools input')", '7034')
    check(checks, 'evidence is searched', browser.run(VISIBLE % rows), 1)
    enter(browser, "document.querySelector('#h1 .tools input')", '')
    enter(browser, "document.querySelector('#h1 .tools select')", 'System')
    check(checks, 'evidence is filtered by log', browser.run(VISIBLE % rows), 2)
    enter(browser, "document.querySelector('#h1 .tools select')", '')
    browser.run("document.querySelector('#h1 .command button').click()")
    browser.run('new Promise(done => setTimeout(done, 300))')
    answer = browser.run("document.querySelector('#h1 .command button').textContent")
    check(checks, 'a command is copied', answer in ('Copied', 'Selected'), True)
    browser.run("document.querySelector('a[href=\"#h4\"]').click()")
    browser.run('new Promise(done => setTimeout(done, 300))')
    check(checks, 'a link opens its host', browser.run("document.getElementById('h4').open"), True)
    check(checks, 'fleet: nothing to complain about', browser.complaints(), [])
    browser.open(os.path.join(folder, 'fleet.html'), '#q=rds&status=degraded')
    check(checks, 'the address filters', browser.run(VISIBLE % '.host'), 1)
    for width in (360, 1280):
        browser.send('Emulation.setDeviceMetricsOverride', width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        wide = browser.run('document.documentElement.scrollWidth')
        check(checks, 'nothing is wider than %d' % width, wide <= width, True)


def hostile(browser, folder, checks):
    browser.open(os.path.join(folder, 'hostile.html'))
    check(checks, 'hostile: one script', browser.run("document.scripts.length"), 1)
    check(checks, 'hostile: no foreign element', browser.run("document.querySelectorAll('b, img, iframe, object, embed, form').length"), 0)
    check(checks, 'hostile: text is text', browser.run("document.body.textContent.includes('<script>alert(1)</script>')"), True)
    check(checks, 'hostile: no script link', browser.run("document.querySelectorAll('a[href^=\"javascript\"]').length"), 0)
    check(checks, 'hostile: nothing to complain about', browser.complaints(), [])


def texts(browser, folder, checks):
    for name, wanted in (('timeline', 'svg'), ('postmortem', '.command')):
        browser.open(os.path.join(folder, name + '.html'))
        check(checks, name + ' is shown', browser.run("document.querySelector('%s') !== null" % wanted), True)
        check(checks, name + ': nothing to complain about', browser.complaints(), [])


def many(browser, folder, checks):
    seconds = browser.open(os.path.join(folder, 'many.html'))
    print('1 000 hosts open in %.2f s' % seconds)
    check(checks, 'many: opens in less than 10 s', seconds < 10, True)
    start = time.monotonic()
    enter(browser, "document.getElementById('search')", 'srv-0999')
    while browser.run(VISIBLE % '.host') != 1 and time.monotonic() - start < 10:
        time.sleep(0.05)
    print('1 000 hosts are searched in %.2f s' % (time.monotonic() - start))
    check(checks, 'many: search works', browser.run(VISIBLE % '.host'), 1)
    check(checks, 'many: nothing to complain about', browser.complaints(), [])


def shots(browser, folder, target):
    os.makedirs(target, exist_ok=True)
    for name in sorted(os.listdir(folder)):
        if name == 'many.html' or not name.endswith('.html'):
            continue
        for width, scheme in ((390, 'light'), (390, 'dark'), (1280, 'light'), (1280, 'dark')):
            browser.open(os.path.join(folder, name))
            browser.shot(os.path.join(target, '%s-%d-%s.png' % (name[:-5], width, scheme)), width, scheme)


def main():
    chromium, folder = sys.argv[1], sys.argv[2]
    checks = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(chromium, profile)
        try:
            for part in (fleet, hostile, texts, many):
                part(browser, folder, checks)
            if len(sys.argv) > 3:
                shots(browser, folder, sys.argv[3])
        finally:
            browser.close()
    failed = [name for name, found, wanted in checks if found != wanted]
    print('%d checks, %d failed' % (len(checks), len(failed)))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
