"""What makes the pages: Python-Markdown extensions, and the checks of what they made.

A page is Markdown with a few directives, each on a line of its own, at any indentation:

    @code tensor.py::Tensor.backward        the source of a symbol, or of several: `@code FILE::a b c`
    @clause autodiff.order.each_rule_once   a clause: sentence, check, and who keeps it
    @break FILE::SYMBOL fault=ID clauses=GLOB[,GLOB...]
    @build FILE::SYMBOL clauses=GLOB[,GLOB...]

Further ones write whole pages: `pagework.pages` lists them. A fence whose first line says `python run` is
executed when the page is made, and its output shown; the words after `run` are its options:

    raises          it must raise, and the exception is shown as Python shows it; anything else must not raise
    hidden          executed, not shown
    static          executed and shown, without buttons: it needs more than a page has, such as a file
    figure="ALT"    the value of its last line, DOT text or an SVG string, is drawn; ALT says what is seen

The cells of a page share one namespace and run from the first to the last in a process of their own. A cell
prints what it prints; where its last statement is an expression that isn't None, its `repr` follows, as at
Python's prompt. `pagework.running` does that, here as in a reader's browser.

In the HTML that comes of it, this is what a program in the page can rely on.

A cell:

    <div class="pyrun" data-cell="2" data-kind="run">
      <div class="highlight"><pre><code>...</code></pre></div>
      <div class="pyrun-output">
        <pre tabindex="0"><samp>...</samp></pre>
        <figure class="graph"><svg role="img" aria-label="ALT">...</svg></figure>
      </div>
    </div>

Cells are counted from 1, hidden ones included. The `textContent` of the `code` is the source, exactly. There
is no output where nothing was printed and nothing drawn; it has `data-raised` where an exception ends it.

`data-kind` is `run`, `raises`, `figure` (then `data-alt` is there too), `static` (it needs more than a page
has, and is run nowhere but here) or `hidden` (no buttons, and the element has the attribute `hidden`).

An exercise:

    <div class="pyexercise" data-kind="break">              or "build"
      <div class="highlight">
        <span class="filename">...</span>
        <pre><code>...</code></pre>                         what the editor starts with: `start`, below
      </div>
      <script type="application/json" class="pyexercise-data">{...}</script>
      <details>...</details>                                one way to break it, or the solution
    </div>

The JSON has:

    kind            "break" or "build"
    file            from the package's folder: "primitives.py", "layers/linear.py"
    symbol          "tanh_vjp", "Tensor.backward"
    first, last     the lines of the file that the editor's text takes the place of, from 1, both included
    indent          how many blanks stand before each line of the text in the file; the text has none
    start           the text that the editor shows at first
    source          the text as it stands in the file
    broken          ("break") the text with the fault in it, or null where it lies outside of the symbol
    fault           ("break") its id; `dlspec verify fault:ID` judges it
    change          ("break") the fault as a diff
    clauses         the patterns, as written
    ids             the clauses that they match, in the order of the spec
"""
