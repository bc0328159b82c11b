'use strict';
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const search = document.getElementById('search');
  const status = document.getElementById('status');
  const shown = document.getElementById('shown');
  const texts = new WeakMap();
  const textOf = (element) => {
    if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
    return texts.get(element);
  };
  const words = (input) => input.value.toLowerCase().split(/\s+/).filter(Boolean);

  // Hides hosts and their lines that lack a word or the wanted status.
  const filterHosts = () => {
    const wanted = words(search);
    let count = 0;
    for (const host of all('.host')) {
      const fits = (!status.value || host.dataset.status === status.value) && wanted.every((word) => textOf(host).includes(word));
      host.hidden = !fits;
      const line = document.getElementById('line-' + host.id);
      if (line) line.hidden = !fits;
      if (fits) count += 1;
    }
    shown.textContent = count + (count === 1 ? ' host' : ' hosts') + ' shown';
  };

  // Hides evidence that lacks a word or the wanted log.
  const filterEvidence = (tools) => {
    const wanted = words(tools.querySelector('input'));
    const log = tools.querySelector('select').value;
    for (const row of all('tbody tr', tools.parentElement.querySelector('table'))) {
      row.hidden = (log !== '' && row.dataset.log !== log) || !wanted.every((word) => textOf(row).includes(word));
    }
  };

  const copy = async (button) => {
    const code = button.parentElement.querySelector('code');
    let done = false;
    try {
      await navigator.clipboard.writeText(code.textContent);
      done = true;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      done = document.execCommand('copy');
    }
    button.textContent = done ? 'Copied' : 'Selected';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  };

  // "#q=word&status=broken" in the address is a filter that can be sent to others; "#h3" opens a host.
  const followAddress = () => {
    const address = location.hash.slice(1);
    if (search && address.includes('=')) {
      const wanted = new URLSearchParams(address);
      search.value = wanted.get('q') || '';
      status.value = wanted.get('status') || '';
      filterHosts();
      return;
    }
    const target = address && document.getElementById(address);
    if (target && target.tagName === 'DETAILS') {
      target.open = true;
      target.scrollIntoView();
    }
  };

  let timer = 0;
  document.addEventListener('input', (event) => {
    if (event.target === search || event.target === status) {
      clearTimeout(timer);
      timer = setTimeout(filterHosts, 120);
      return;
    }
    const tools = event.target.closest('.tools');
    if (tools) filterEvidence(tools);
  });
  document.addEventListener('click', (event) => {
    const button = event.target.closest('.command button');
    if (button) copy(button);
  });
  addEventListener('hashchange', followAddress);
  addEventListener('beforeprint', () => all('details').forEach((part) => { part.open = true; }));
  followAddress();
})();
