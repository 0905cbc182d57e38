"""A picture of how the tables are joined, drawn from the database's own foreign keys: {% set er = er_diagram() %}.

Two columns of boxes, one a table, with a line for each key. Between them each table that is referred to has a rail of
its own: a key's line ends in a dot on the rail of its table, and the rail leads to the box by an arrow. So no line runs
through a box or another's dot, however many tables there are.
"""
from datasette import hookimpl
from markupsafe import Markup

# In units of the picture, which is drawn at one unit a pixel.
BOX, ROW, HEAD, GAP, RAIL, EDGE = 350, 24, 30, 18, 16, 8


async def joins(datasette):
    """Return {table: [(column or join table, table referred to, whether to many), …]} of the main tables, from their keys."""
    db = datasette.get_database("record")
    described = datasette.metadata("tables", database="record")
    every = [table for table in described if table in set(await db.table_names())]
    keys = {table: await db.foreign_keys_for_table(table) for table in every}
    columns = {table: await db.table_columns(table) for table in every}
    main = {table: [] for table in every if not described[table].get("hidden")}
    for table in main:
        main[table] += [(key["column"], key["other_table"], False) for key in sorted(keys[table], key=lambda key: columns[table].index(key["column"]))]
    for table in every:
        if table not in main:
            of = {key["column"]: key["other_table"] for key in keys[table]}
            parent, item = columns[table]
            main[of[parent]].append((table, of.get(item), True))  # a list of words has no table to refer to
    return main


def columns_of(main):
    """Return the tables in two lists of about the same height."""
    heights = {table: HEAD + ROW * len(keys) + GAP for table, keys in main.items()}
    left, total = [], 0
    for table, height in heights.items():
        if total + height / 2 > sum(heights.values()) / 2:
            break
        left.append(table)
        total += height
    return left, [table for table in main if table not in left]


def draw(main):
    """Return the SVG as Markup."""
    rails = [table for table in main if any(to == table for keys in main.values() for _, to, _ in keys)]
    left, right = columns_of(main)
    middle = EDGE + BOX + RAIL
    rail = {table: middle + RAIL * n for n, table in enumerate(rails)}
    colour = {table: f"rail-{n % 6}" for n, table in enumerate(rails)}
    start = {"left": EDGE, "right": middle + RAIL * len(rails)}
    boxes, lines, ends, heights = [], [], {table: [] for table in rails}, []
    # Every box is a whole number of rows from the top, so half a row keeps the lines of the two sides apart.
    for side, tables, y in ("left", left, EDGE), ("right", right, EDGE + ROW // 2):
        x = start[side]
        edge = x + BOX if side == "left" else x
        for table in tables:
            height = HEAD + ROW * len(main[table])
            boxes.append(Markup('<rect class="box" x="{}" y="{}" width="{}" height="{}" rx="4"/><text class="name" x="{}" y="{}">{}</text>').format(x, y, BOX, height, x + 10, y + 20, table))
            if table in rail:
                tip = -8 if side == "right" else 8
                lines.append(Markup('<path class="to {}" d="M{} {}H{}"/><path class="tip {}" d="M{} {}l{} -5v10z"/>').format(colour[table], rail[table], y + 15, edge + tip, colour[table], edge, y + 15, tip))
                ends[table].append(y + 15)
            for n, (key, to, many) in enumerate(main[table]):
                at = y + HEAD + ROW * n + 11
                words = f"{key} → {to}" if to else f"{key} (words)"
                boxes.append(Markup('<text class="{}" x="{}" y="{}">{}</text>').format("many" if many else "one", x + 10, at + 4, words))
                if to:
                    lines.append(Markup('<path class="{} {}" d="M{} {}H{}"/><circle class="{}" cx="{}" cy="{}" r="3.5"/>').format("many" if many else "one", colour[to], edge, at, rail[to], colour[to], rail[to], at))
                    ends[to].append(at)
            y += height + GAP
        heights.append(y)
    for table in rails:
        lines.insert(0, Markup('<path class="to {}" d="M{} {}V{}"/>').format(colour[table], rail[table], min(ends[table]), max(ends[table])))
    width, height = start["right"] + BOX + EDGE, max(heights)
    count = sum(to is not None for keys in main.values() for _, to, _ in keys)
    return Markup(
        '<svg class="er" role="img" aria-labelledby="er-title er-words" viewBox="0 0 {w} {h}" width="{w}" height="{h}">'
        '<title id="er-title">How the tables of the record are joined</title>'
        '<desc id="er-words">{tables} tables and the {count} ways in which a row of one refers to rows of another. The list after the picture says the same in words.</desc>'
        "{lines}{boxes}</svg>"
    ).format(w=width, h=height, tables=len(main), count=count, lines=Markup("").join(lines), boxes=Markup("").join(boxes))


@hookimpl
def extra_template_vars(datasette):
    async def er_diagram():
        """Return {"svg": …, "tables": {table: [(key, table referred to or None, whether to many), …]}}."""
        main = await joins(datasette)
        return {"svg": draw(main), "tables": main}

    return {"er_diagram": er_diagram}
