// Draw the incidents listed on /map as a map of clusters. The list stays: the map only adds to it.

const box = document.getElementById("map");
await import(box.dataset.leaflet); // sets L
await import(box.dataset.cluster); // adds L.markerClusterGroup

// A marker that the keyboard and a screen reader know as a button.
function icon(name, text, label, size) {
  const made = L.divIcon({ className: name, html: text, iconSize: [size, size] });
  const create = made.createIcon;
  made.createIcon = (old) => {
    const element = create.call(made, old);
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", label);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        element.click();
      }
    });
    return element;
  };
  return made;
}

box.hidden = false;
const moving = !matchMedia("(prefers-reduced-motion: reduce)").matches;
const map = L.map(box, { maxZoom: 9, zoomAnimation: moving, fadeAnimation: moving, markerZoomAnimation: moving, scrollWheelZoom: false });
map.attributionControl.setPrefix(false);
// Each tile is drawn at twice its size: two of them, not fifteen, make the first view. They end at zoom 6, and are
// enlarged further beyond it, so that markers close together come apart.
L.tileLayer(box.dataset.tiles, { tileSize: 512, zoomOffset: -1, maxNativeZoom: 7, maxZoom: 9, attribution: "© OpenStreetMap contributors" }).addTo(map);

const clusters = L.markerClusterGroup({
  animate: moving,
  showCoverageOnHover: false,
  maxClusterRadius: 40,
  iconCreateFunction: (cluster) => icon("cluster", String(cluster.getChildCount()), `${cluster.getChildCount()} incidents: show them`, 44),
});
for (const item of document.querySelectorAll("[data-latitude]")) {
  const { latitude, longitude, place } = item.dataset;
  const content = document.createElement("p");
  content.append(item.querySelector("a").cloneNode(true), document.createElement("br"), place);
  L.marker([Number(latitude), Number(longitude)], { icon: icon("pin", "", `${item.textContent}, ${place}`, 26) })
    .bindPopup(content)
    .addTo(clusters);
}
// Great Britain first, where most of them are; zooming out shows the rest.
map.addLayer(clusters).setView([52.48, 0], 6);

// What opens takes the focus; what closes gives it back.
box.addEventListener("keydown", (event) => event.key === "Escape" && map.closePopup());
map.on("popupopen", ({ popup }) => {
  const close = popup.getElement().querySelector(".leaflet-popup-close-button");
  close.setAttribute("role", "button");
  close.setAttribute("aria-label", "Close");
  popup.getElement().querySelector(".leaflet-popup-content a").focus();
});
map.on("popupclose", ({ popup }) => popup._source?.getElement()?.focus());
