// What Datasette would write into the page itself for its table.js; a file, so that no script stands in any page.
window.DATASETTE_ALLOW_FACET = true;
