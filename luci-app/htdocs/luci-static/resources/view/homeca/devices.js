'use strict';
'require view';
'require homeca.device-table as deviceTable';
'require homeca.household as household';
'require homeca.live as live';
'require homeca.matrix as matrix';
'require homeca.words as words';

/* All devices of the home, as a list and as a matrix of who may do what with whom. */

const MATRIX = '#matrix';

function choice(id, label, values, change) {
	const select = E('select', { id, 'class': 'cbi-input-select', 'change': change },
		[ [ '', _('all') ] ].concat(values).map(([ value, title ]) => E('option', { value }, [ title ])));
	return { select, field: E('div', { 'class': 'homeca-field' }, [ E('label', { 'for': id }, [ label ]), select ]) };
}

/** What a filter looks through: all that names a device. */
function haystack(device) {
	return [ device.name, device.id, device.type ].concat(device.macs, device.groups)
		.filter((text) => text !== null).join('\n').toLowerCase();
}

return view.extend({
	load() {
		// Nothing is drawn while the daemon is away, but what says so.
		return household.page(0).catch(() => null);
	},

	render(first) {
		this.devices = new Map();
		this.total = first?.total ?? 0;
		this.isRead = false;
		this.table = deviceTable.create();
		this.matrix = matrix.create(!L.hasViewPermission());

		const show = () => this.show();
		const asked = new URLSearchParams(window.location.search);
		this.text = E('input', { 'id': 'homeca-filter', 'type': 'search', 'class': 'cbi-input-text', 'maxlength': '64', 'input': show });
		const states = choice('homeca-state', _('State'), Object.keys(words.STATES).map((state) => [ state, words.state(state) ]), show);
		const classes = choice('homeca-class', _('Class'), Object.keys(words.CLASSES).map((name) => [ name, words.deviceClass(name) ]), show);
		this.state = states.select;
		this.class = classes.select;
		if (asked.get('state') in words.STATES) this.state.value = asked.get('state');
		// On a narrow screen the headings are not shown, and with them the buttons that sort.
		const order = choice('homeca-order', _('Sort by'), this.table.columns.map(({ name, title }) => [ name, title ]), () => {
			this.table.sortBy(order.select.value === '' ? null : order.select.value);
		});
		order.select.options[0].replaceChildren(_('who needs you first'));
		this.table.onSort(({ name }) => { order.select.value = name ?? ''; });
		this.count = E('p', { 'role': 'status', 'class': 'homeca-quiet' });

		const list = E('div', {}, [
			E('h3', { 'class': 'homeca-hidden' }, [ _('List') ]),
			E('div', { 'class': 'homeca-filters' }, [
				E('div', { 'class': 'homeca-field' }, [ E('label', { 'for': 'homeca-filter' }, [ _('Find') ]), this.text ]),
				states.field, classes.field, order.field
			]),
			this.count,
			this.table.node
		]);
		const who = E('input', {
			'id': 'homeca-asker', 'type': 'search', 'class': 'cbi-input-text', 'maxlength': '64',
			'input': () => this.matrix.filter(who.value.trim().toLowerCase()).catch(() => {})
		});
		const rights = E('div', {}, [
			E('h3', { 'class': 'homeca-hidden' }, [ _('Who may do what with whom') ]),
			E('div', { 'class': 'homeca-field' }, [ E('label', { 'for': 'homeca-asker' }, [ _('Find who asks') ]), who ]),
			this.matrix.node
		]);
		const links = [
			E('a', { 'href': '#list' }, [ _('List') ]),
			E('a', { 'href': MATRIX }, [ _('Who may do what with whom') ])
		];
		const parts = E('div', { 'class': 'homeca-parts' });
		const turn = () => {
			this.isMatrix = window.location.hash === MATRIX;
			links[0].setAttribute('aria-current', String(!this.isMatrix));
			links[1].setAttribute('aria-current', String(this.isMatrix));
			parts.replaceChildren(this.isMatrix ? rights : list);
			// Where the daemon is away, the page says so at its head.
			if (this.isMatrix) this.matrix.update(this.devices).catch(() => {});
		};
		window.addEventListener('hashchange', turn);

		for (const device of first?.devices ?? []) this.devices.set(device.id, device);
		turn();
		this.show();
		// What is on the first page is drawn before the others are asked for.
		this.first = first;

		return E('div', { 'class': 'homeca' }, [
			live.style(),
			live.follow(() => this.refresh()),
			E('h2', {}, [ _('Devices') ]),
			E('div', { 'class': 'homeca-tabs', 'role': 'navigation', 'aria-label': _('Views of the devices') }, links),
			parts
		]);
	},

	async refresh() {
		const first = this.first ?? await household.page(0);
		this.first = null;
		await this.read(first);
	},

	/** Reads all pages; devices that are on none of them any more go at the end. */
	async read(first) {
		this.devices = await household.rest(first, (some, total) => {
			this.total = total;
			for (const [ id, device ] of some) this.devices.set(id, device);
			this.show();
		});
		this.isRead = true;
		this.show();
		if (this.isMatrix) await this.matrix.update(this.devices);
	},

	show() {
		const text = this.text.value.trim().toLowerCase();
		const all = Array.from(this.devices.values());
		const some = all.filter((device) =>
			(this.state.value === '' || device.state === this.state.value)
			&& (this.class.value === '' || device.class === this.class.value)
			&& (text === '' || haystack(device).includes(text)));
		this.table.show(some);
		this.count.replaceChildren(
			all.length < this.total ? _('%d of %d devices are read.').format(all.length, this.total)
				: all.length > 0 ? _('%d of %d devices are shown.').format(some.length, all.length)
					: this.isRead ? _('There is no device yet: add one, or search for new ones.') : '');
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
