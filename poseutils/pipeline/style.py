"""The style sheet of the index page, for light and dark themes, any screen width, and print."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b212c; --soft: #626d7f; --line: #e2e6ed; --page: #f6f7f9; --card: #fff; --accent: #0a68b0;
        --good: #1a7f4b; --bad: #b3261e; --bad-page: #fdf0ee; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf1; --soft: #98a3b5; --line: #2e3643; --page: #12161c; --card: #1a202a; --accent: #74bdf4; --good: #6fd39e;
          --bad: #ff9a90; --bad-page: #331b1a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: clamp(1.2rem, 4vw, 3.2rem) clamp(1rem, 3vw, 2rem) 4rem; color: var(--ink);
       background: var(--page); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: clamp(1.7rem, 4vw, 2.4rem); line-height: 1.15; letter-spacing: -.02em; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; letter-spacing: -.01em; margin: 3rem 0 1rem; } h3 { font-size: 1rem; margin: 0; }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; } p { margin: 0; }
.soft, dt, th, figcaption, summary { color: var(--soft); } .bad { color: var(--bad); } .good { color: var(--good); }
.lead { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin-top: .6rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem 2.8rem; margin: 1.6rem 0 0; }
.tiles div { display: flex; flex-direction: column-reverse; } .tiles dd { font-size: 1.75rem; font-weight: 600; line-height: 1.2; }
.tiles dd small { font-size: .95rem; font-weight: 400; color: var(--soft); }
.failure { margin-top: 1.6rem; padding: 1.1rem 1.3rem; border-radius: 12px; border: 1px solid var(--bad); background: var(--bad-page); }
pre { margin: .7rem 0; white-space: pre-wrap; overflow-wrap: anywhere; font: .86rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
.gallery { display: grid; gap: 1.4rem; grid-template-columns: repeat(6, 1fr); grid-auto-flow: dense; margin-top: 2.2rem; }
figure { grid-column: span 3; margin: 0; display: flex; flex-direction: column; border-radius: 12px; overflow: hidden;
         background: var(--card); border: 1px solid var(--line); }
figure.wide { grid-column: span 6; }
figure a { flex: 1; display: grid; place-items: center; background: #fff; padding: .9rem; }
figure img { display: block; width: 100%; height: auto; max-height: 640px; object-fit: contain; }
figcaption { padding: .75rem 1.1rem .85rem; font-size: .92rem; border-top: 1px solid var(--line); } figcaption b { color: var(--ink); }
.box, article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .9rem 1.3rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .5rem 1.6rem .5rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 500; } tr:last-child td { border-bottom: 0; } .number { text-align: right; } :is(th, td):last-child { padding-right: 0; }
.cards { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 290px), 1fr)); align-items: start; }
.cards header { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; margin-bottom: .3rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.6rem; margin: 0; } dd { margin: 0; overflow-wrap: anywhere; }
ul { list-style: none; margin: .5rem 0 0; padding: 0; } li { display: flex; justify-content: space-between; gap: 1rem; }
li > :first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } li > :last-child { white-space: nowrap; }
details, article > ul { font-size: .88rem; margin-top: .6rem; } summary { cursor: pointer; }
@media (max-width: 760px) {
  figure, figure.wide { grid-column: span 6; }
  .box dl { grid-template-columns: 1fr; gap: 0; } .box dd { margin-bottom: .6rem; }
}
@media print { body { background: #fff; max-width: none; } figure, article { break-inside: avoid; } }
"""
