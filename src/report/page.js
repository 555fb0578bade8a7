'use strict';
// Values to hover over or to tap.
const tip = document.getElementById('tip');
const show = event => {
  const target = event.target.closest && event.target.closest('[data-t]');
  tip.hidden = !target;
  if (!target) return;
  tip.textContent = target.dataset.t;
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - width - 6);
  const above = event.clientY + 18 + height > document.documentElement.clientHeight;
  tip.style.left = Math.max(left, 6) + 'px';
  tip.style.top = (above ? event.clientY - height - 10 : event.clientY + 18) + 'px';
};
document.addEventListener('pointermove', show);
document.addEventListener('pointerdown', show);
document.addEventListener('scroll', () => { tip.hidden = true; }, { passive: true });

// Tables that sort: by a number where there is one, else by the text.
const key = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
};
for (const table of document.querySelectorAll('table.sort')) {
  const heads = table.tHead.rows[table.tHead.rows.length - 1].cells;
  [...heads].forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.onclick = () => {
      const before = head.getAttribute('aria-sort');
      const up = before ? before === 'descending' : !head.classList.contains('n');
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const body = table.tBodies[0];
      const order = (a, b) => {
        const [x, y] = [key(a, column), key(b, column)];
        const difference = typeof x === 'number' ? x - y : x.localeCompare(y, undefined, { numeric: true });
        return up ? difference : -difference;
      };
      body.append(...[...body.rows].sort(order));
    };
  });
}

for (const button of document.querySelectorAll('.copy')) {
  button.onclick = () => {
    const text = button.previousElementSibling.textContent;
    navigator.clipboard.writeText(text).then(() => { button.textContent = 'copied'; });
  };
}

// As the system has it, until somebody asks for the other.
document.getElementById('theme').onclick = () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
};

// Print everything, folded tables too.
addEventListener('beforeprint', () => {
  for (const folded of document.querySelectorAll('details')) folded.open = true;
});
