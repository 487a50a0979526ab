'use strict';
'require view';
'require homeca.api as api';
'require homeca.household as household';
'require homeca.live as live';
'require homeca.rights as rights';
'require homeca.words as words';

/* Why a device can or cannot: one sentence, and one button that mends it. */

/** What admission says of a device; times when it did can be asked about. */
const VERDICTS = [ 'admitted', 'quarantined', 'refused' ];
const MOMENTS = 5;
/** Events that are looked through for them. */
const EVENTS = 100;

function option(value, title) {
	return E('option', { value }, [ title ]);
}

function field(id, title, content, hint) {
	return E('div', { 'class': 'homeca-field' }, [
		E('label', { 'for': id }, [ title ]), content,
		hint === undefined ? '' : E('div', { 'class': 'homeca-quiet', 'id': id + '-hint' }, [ hint ])
	]);
}

/** As a field for local time has it, to the second. */
function localTime(seconds) {
	const at = new Date(seconds * 1000);
	return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

/** Puts these into a choice and keeps what is chosen. */
function fill(select, nodes) {
	const chosen = select.value;
	select.replaceChildren(...nodes);
	select.value = chosen;
	if (select.selectedIndex < 0) select.selectedIndex = 0;
}

return view.extend({
	load() {
		// Nothing can be chosen while the daemon is away.
		return household.all().catch(() => new Map());
	},

	render(devices) {
		const asked = new URLSearchParams(window.location.search);
		const change = () => this.ask();
		this.device = E('select', { 'id': 'homeca-who', 'class': 'cbi-input-select', 'change': change });
		this.to = E('select', { 'id': 'homeca-to', 'class': 'cbi-input-select', 'change': change });
		this.path = E('input', {
			'id': 'homeca-path', 'type': 'text', 'class': 'cbi-input-text', 'maxlength': '255', 'placeholder': '/temperature',
			'autocomplete': 'off', 'spellcheck': 'false', 'change': change
		});
		this.method = E('select', { 'id': 'homeca-method', 'class': 'cbi-input-select', 'change': change },
			[ option('', _('anything')) ].concat(rights.METHODS.map((method) =>
				option(method, _('%s (%s)').format(rights.verb(method), method)))));
		this.at = E('input', { 'id': 'homeca-at', 'type': 'datetime-local', 'step': '1', 'class': 'cbi-input-text', 'change': change });
		this.more = E('div', { 'class': 'homeca-filters' }, [
			field('homeca-path', _('Path'), this.path), field('homeca-method', _('To do what'), this.method)
		]);
		this.moments = E('div', { 'class': 'homeca-buttons', 'role': 'group', 'aria-label': _('When something was decided about it') });
		this.when = E('div', {}, [ field('homeca-at', _('At which time'), this.at, _('Now, if left empty.')), this.moments ]);
		this.answer = E('div', { 'class': 'homeca-answer', 'role': 'status' });
		this.turn = 0;
		this.wanted = { id: asked.get('id'), to: asked.get('to') };
		this.show(devices);

		return E('div', { 'class': 'homeca' }, [
			live.style(),
			live.follow(() => this.refresh()),
			E('h2', {}, [ _('Why?') ]),
			E('p', {}, [ _('Choose a device to know why it is in the network or not, or two to know why one may ask something of the other or not.') ]),
			E('form', { 'class': 'homeca-form', 'submit': (event) => { event.preventDefault(); void this.ask(); } }, [
				E('div', { 'class': 'homeca-filters' }, [
					field('homeca-who', _('Device'), this.device), field('homeca-to', _('What about'), this.to)
				]),
				this.more,
				this.when,
				E('button', { 'type': 'submit', 'class': 'btn cbi-button-action' }, [ _('Why?') ])
			]),
			this.answer
		]);
	},

	show(devices) {
		const all = Array.from(devices.values());
		all.sort((a, b) => words.title(a).localeCompare(words.title(b)));
		const each = () => all.map((device) => option(device.id, words.title(device)));
		const groups = household.groups(devices).map((name) => option(rights.groupTarget(name), _('the group %s').format(name)));
		fill(this.device, each());
		fill(this.to, [
			option('', _('being in the network')),
			option(rights.ALL, _('asking every device')),
			groups.length === 0 ? '' : E('optgroup', { 'label': _('asking a group') }, groups),
			all.length === 0 ? '' : E('optgroup', { 'label': _('asking a device') }, each())
		].filter((node) => node !== ''));
		this.choose(this.device, 'id');
		this.choose(this.to, 'to');
	},

	/** Chooses what the page's address asks for, once it can be chosen; from then on the owner chooses. */
	choose(select, name) {
		const values = Array.from(select.options, ({ value }) => value);
		if (!values.includes(this.wanted[name])) return;
		select.value = this.wanted[name];
		this.wanted[name] = null;
	},

	async refresh() {
		this.show(await household.all());
		await this.ask();
	},

	/** What is chosen, as the method takes it. */
	question() {
		const about = { id: this.device.value };
		if (this.to.value === '') {
			if (this.at.value !== '') about.at = Math.floor(new Date(this.at.value).getTime() / 1000);
			return about;
		}
		about.to = this.to.value;
		if (this.path.value.trim() !== '') about.path = this.path.value.trim();
		if (this.method.value !== '') about.method = this.method.value;
		return about;
	},

	async ask() {
		this.more.hidden = this.to.value === '';
		this.when.hidden = this.to.value !== '';
		if (this.device.value === '') return;
		const mine = ++this.turn;
		let nodes;
		try {
			const [ answer, log ] = await Promise.all([
				api.call('why', this.question()),
				this.to.value === '' ? api.call('log', { device: this.device.value, limit: EVENTS }) : { events: [] }
			]);
			nodes = this.drawn(answer);
			if (mine === this.turn) this.showMoments(log.events);
		} catch (failure) {
			nodes = [ E('p', { 'class': 'alert-message error' }, [ failure.message ]) ];
		}
		// An answer that comes after a newer question is not the answer to it.
		if (mine === this.turn) this.answer.replaceChildren(...nodes);
	},

	/** The last times when it was let in, held or turned away; each is a button that asks about it. */
	showMoments(events) {
		const some = events.filter(({ kind, at }) => at !== null && VERDICTS.includes(kind)).slice(-MOMENTS);
		const focused = this.moments.contains(document.activeElement) ? document.activeElement.textContent : null;
		this.moments.replaceChildren(...some.reverse().map(({ kind, at }) => E('button', {
			'type': 'button',
			'class': 'btn homeca-small',
			'click': () => {
				this.at.value = localTime(at);
				void this.ask();
			}
		}, [ _('%s: %s').format(words.moment(at), words.kind(kind)) ])));
		if (focused !== null) Array.from(this.moments.children).find((one) => one.textContent === focused)?.focus();
	},

	/** Where no call mends it, the device's own page is where its rights and its state are. */
	drawn({ can, sentence, fix }) {
		const fault = E('div', { 'role': 'alert' });
		const look = E('a', {
			'class': 'btn', 'href': L.url('admin/services/homeca/device') + '?id=' + encodeURIComponent(this.device.value)
		}, [ _('Look at the device') ]);
		const mend = fix === null ? '' : E('button', {
			'type': 'button', 'class': 'btn cbi-button-positive important', 'click': () => this.mend(fix, mend, fault)
		}, [ fix.label ]);
		return [
			E('div', { 'class': can ? 'alert-message success' : 'alert-message warning' }, [
				E('p', {}, [ E('strong', {}, [ can ? _('Yes.') : _('No.') ]), ' ', E('bdi', {}, [ words.sentence(sentence) ]) ])
			]),
			fault,
			E('p', {}, [ mend === '' || !L.hasViewPermission() ? look : mend ])
		];
	},

	/** Does what mends it, and asks again. */
	async mend(fix, button, fault) {
		button.disabled = true;
		button.classList.add('spinning');
		try {
			await api.call(fix.method, fix.arguments);
		} catch (failure) {
			button.disabled = false;
			button.classList.remove('spinning');
			fault.replaceChildren(E('p', { 'class': 'alert-message error' }, [ failure.message ]));
			return;
		}
		await this.ask();
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
