'use strict';
'require baseclass';

/*
 * A place in a page that follows what it shows: it is drawn again only when that is otherwise, so
 * that a page which follows the home does not take the keyboard's place or a selection away.
 */
return baseclass.extend({
	/**
	 * @param {function(*): *} of - the part of the page's subject that is shown here, plain JSON
	 * @param {function(*): Array} draw - nodes and text for that part; text stays text
	 * @param {object} [attributes] - of the place
	 * @returns {{ node: Node, update: function(*) }}
	 */
	create(of, draw, attributes) {
		const node = E('div', attributes ?? {});
		let shown = null;
		return {
			node,
			update(subject) {
				const part = of(subject);
				const text = JSON.stringify(part);
				if (text === shown) return;
				shown = text;
				const label = node.contains(document.activeElement) ? document.activeElement.textContent : null;
				node.replaceChildren(...draw(part));
				if (label === null) return;
				const again = Array.from(node.querySelectorAll('button, a')).find((stop) => stop.textContent === label);
				again?.focus();
			}
		};
	}
});
