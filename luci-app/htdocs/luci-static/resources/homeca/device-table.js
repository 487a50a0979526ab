'use strict';
'require baseclass';
'require homeca.words as words';

/*
 * The table of devices. Rows are made once and changed in place, so that five hundred are drawn
 * quickly, and neither the keyboard's place nor the scroll is lost when the home moves on.
 */

const STATES = Object.keys(words.STATES);

/** Absent times sort behind all others, whichever way round. */
function byTime(field) {
	return (a, b, sign) => {
		if (a[field] === b[field]) return 0;
		if (a[field] === null) return 1;
		if (b[field] === null) return -1;
		return sign * (a[field] - b[field]);
	};
}

function byText(textOf) {
	return (a, b, sign) => sign * textOf(a).localeCompare(textOf(b));
}

/** What a column shows: `draw` gives the cell's content, `compare` the order. */
function columns() {
	return [
		{
			name: 'name',
			title: _('Device'),
			compare: byText((device) => words.title(device)),
			draw: (device) => [
				E('a', { 'href': L.url('admin/services/homeca/device') + '?id=' + encodeURIComponent(device.id) },
					[ E('bdi', {}, [ words.title(device) ]) ]),
				device.type === null ? '' : E('div', { 'class': 'homeca-quiet' }, [ E('bdi', {}, [ device.type ]) ])
			]
		},
		{
			name: 'state',
			title: _('State'),
			compare: (a, b, sign) => sign * (STATES.indexOf(a.state) - STATES.indexOf(b.state)),
			draw: (device) => {
				const badges = [ E('span', { 'class': 'homeca-badge homeca-' + device.state }, [ words.state(device.state) ]) ];
				if (device.alarm !== null)
					badges.push(' ', E('span', { 'class': 'homeca-badge homeca-alarm' }, [ _('alarm') ]));
				if (device.theftLock)
					badges.push(' ', E('span', { 'class': 'homeca-badge' }, [ _('theft-locked') ]));
				return badges.concat(E('div', { 'class': 'homeca-quiet' }, [ words.place(device.place) ]));
			}
		},
		{
			name: 'class',
			title: _('Class'),
			compare: byText((device) => words.deviceClass(device.class)),
			draw: (device) => [ words.deviceClass(device.class) ]
		},
		{
			name: 'seen',
			title: _('Last seen'),
			compare: byTime('lastSeen'),
			draw: (device) => [ device.lastSeen === null ? '–' : words.moment(device.lastSeen) ]
		},
		{
			name: 'until',
			title: _('Certificate until'),
			compare: byTime('certifiedUntil'),
			draw: (device) => [ words.day(device.certifiedUntil) ]
		},
		{
			name: 'rights',
			title: _('Rights'),
			compare: (a, b, sign) => sign * (a.words.length - b.words.length),
			draw: (device) => device.words.length === 0
				? [ E('span', { 'class': 'homeca-quiet' }, [ _('asks nothing of others') ]) ]
				: device.words.map((words) => E('div', {}, [ E('bdi', {}, [ words ]) ]))
		}
	];
}

return baseclass.extend({
	/**
	 * Makes an empty table.
	 *
	 * @returns {{ node: Node, columns: object[], show: function(object[]), sortBy: function(string|null), onSort: function(function) }}
	 *   `show` draws these devices and no others; `sortBy` orders them by the column of that name, the
	 *   other way round where they are already, or as they were given for null; `onSort` tells of it.
	 */
	create() {
		const all = columns();
		const rows = new Map();
		const body = E('tbody', { 'role': 'rowgroup' });
		const heads = new Map();
		let order = { name: null, sign: 1 };
		let given = [];
		let drawn = [];
		const listeners = [];

		const sortBy = (name) => {
			order = { name, sign: order.name === name ? -order.sign : 1 };
			for (const [ column, head ] of heads)
				head.setAttribute('aria-sort', column !== name ? 'none' : order.sign > 0 ? 'ascending' : 'descending');
			show(given);
			for (const listener of listeners) listener(order);
		};

		const head = E('tr', { 'class': 'tr table-titles', 'role': 'row' }, all.map((column) => {
			const cell = E('th', { 'class': 'th', 'role': 'columnheader', 'scope': 'col', 'aria-sort': 'none' }, [
				E('button', { 'type': 'button', 'class': 'homeca-sort', 'click': () => sortBy(column.name) }, [ column.title ])
			]);
			heads.set(column.name, cell);
			return cell;
		}));

		/** Changes the cells of a row that are otherwise than before. */
		const fill = (row, device) => {
			const text = JSON.stringify(device);
			if (row.text === text) return;
			row.text = text;
			all.forEach((column, at) => {
				const content = column.draw(device);
				const fresh = E('div', {}, content);
				if (row.html[at] === fresh.innerHTML) return;
				row.html[at] = fresh.innerHTML;
				const hadFocus = row.node.cells[at].contains(document.activeElement);
				row.node.cells[at].replaceChildren(...fresh.childNodes);
				if (hadFocus) row.node.cells[at].querySelector('a, button')?.focus();
			});
		};

		const rowOf = (device) => {
			let row = rows.get(device.id);
			if (row === undefined) {
				row = {
					text: null,
					html: all.map(() => null),
					node: E('tr', { 'class': 'tr', 'role': 'row', 'data-id': device.id },
						all.map((column) => E('td', { 'class': 'td', 'role': 'cell', 'data-title': column.title })))
				};
				rows.set(device.id, row);
			}
			fill(row, device);
			return row.node;
		};

		const sorted = (devices) => {
			const column = all.find(({ name }) => name === order.name);
			return column === undefined ? devices : devices.slice().sort((a, b) => column.compare(a, b, order.sign));
		};

		const show = (devices) => {
			given = devices;
			const nodes = sorted(devices).map(rowOf);
			const isSame = nodes.length === drawn.length && nodes.every((node, at) => node === drawn[at]);
			if (isSame) return;
			const focused = document.activeElement;
			body.replaceChildren(...nodes);
			drawn = nodes;
			if (body.contains(focused)) focused.focus();
		};

		return {
			node: E('table', { 'class': 'table homeca-stack homeca-devices', 'role': 'table', 'aria-label': _('Devices') },
				[ E('thead', { 'role': 'rowgroup' }, [ head ]), body ]),
			columns: all,
			sortBy,
			show,
			onSort: (listener) => listeners.push(listener)
		};
	}
});
