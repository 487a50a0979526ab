'use strict';
'require view';
'require ui';
'require homeca.api as api';
'require homeca.live as live';
'require homeca.search as search';
'require homeca.words as words';

/* The first page: is it working, who is waiting, what happened lately. */

const EVENTS = 12;

/* Devices that the owner does not want to decide about now, until the page is opened anew. */
const notNow = new Set();

function act(method, args) {
	return () => api.call(method, args).catch((error) => live.complain(error));
}

function button(context, label, style, handler, about) {
	return E('button', {
		'class': 'btn ' + style,
		'aria-label': about === undefined ? null : _('%s: %s').format(label, about),
		'click': ui.createHandlerFn(context, handler)
	}, [ label ]);
}

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	render() {
		this.parts = E('ul', { 'class': 'homeca-list' });
		this.waiting = E('div', { 'aria-live': 'polite' });
		this.search = search.create();
		this.events = E('ul', { 'class': 'homeca-list' });
		this.heading = E('p', {});

		return E([
			live.style(),
			live.follow(() => this.refresh()),
			E('h2', {}, [ _('HomeCA') ]),
			this.heading,
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('Waiting for you') ]), this.waiting, this.search.node ]),
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('Is it working?') ]), this.parts ]),
			E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ _('What happened') ]), this.events ])
		]);
	},

	refresh() {
		return Promise.all([
			api.call('status'),
			api.devices('pending'),
			api.call('log', { limit: EVENTS })
		]).then(([ status, devices, log ]) => {
			this.showStatus(status);
			this.search.update(status.search);
			this.showEvents(log.events);

			return this.showWaiting(devices);
		});
	},

	showStatus(status) {
		const active = status.devices.active ?? 0;

		this.heading.replaceChildren(
			N_(active, '%s has %d active device.', '%s has %d active devices.').format(status.homeName, active), ' ',
			_('HomeCA %s has been running for %s.').format(status.version, words.span(status.uptimeSeconds)));

		this.parts.replaceChildren(...status.parts.map((part) => E('li', {}, [
			E('div', { 'class': 'homeca-row' }, [
				E('span', { 'class': part.good ? 'homeca-good' : 'homeca-bad' }, [ words.part(part.part) ]),
				E('span', { 'class': 'homeca-grow' }, [ part.good ? _('works') : part.sentence ]),
				part.fix === null ? '' : button(this, part.fix.label, 'cbi-button-action', act(part.fix.method, part.fix.arguments))
			])
		])));
	},

	showEvents(events) {
		if (events.length === 0)
			return this.events.replaceChildren(E('li', {}, [ _('Nothing yet.') ]));

		this.events.replaceChildren(...events.reverse().map((event) => E('li', {}, [
			E('div', { 'class': 'homeca-row' }, [
				E('span', { 'class': 'homeca-grow' }, [ words.sentence(event.text) ]),
				E('span', { 'class': 'homeca-time homeca-quiet' }, [ words.moment(event.at) ])
			])
		])));
	},

	showWaiting(devices) {
		const wanted = devices.filter((device) => !notNow.has(device.id));
		const later = devices.length - wanted.length;

		return Promise.all(wanted.map((device) => api.call('device', { id: device.id }))).then((details) => {
			const nodes = details.map((device) => this.card(device));

			if (later > 0) {
				nodes.push(E('p', {}, [
					_('%d more for later.').format(later), ' ',
					button(this, _('Show them'), '', () => {
						notNow.clear();

						return this.refresh();
					})
				]));
			}

			if (nodes.length === 0)
				nodes.push(E('p', {}, [ _('Nobody waits.') ]));

			/* Who types into a name, or has the focus on a button, keeps it: the others are put around it. */
			const focused = document.activeElement?.closest('[data-device]');

			if (focused !== null && focused !== undefined && this.waiting.contains(focused)) {
				const at = nodes.findIndex((node) => node.dataset?.device === focused.dataset.device);

				if (at >= 0)
					nodes[at] = focused;
			}

			const kept = nodes.find((node) => node === focused);

			for (const node of [ ...this.waiting.childNodes ])
				if (node !== kept)
					node.remove();

			let before = true;

			for (const node of nodes) {
				if (node === kept)
					before = false;
				else if (before && kept)
					this.waiting.insertBefore(node, kept);
				else
					this.waiting.appendChild(node);
			}
		});
	},

	/* What is proven and what is only said stand apart: a device can say anything. */
	card(device) {
		const claim = device.claim;
		const title = words.title(device);
		const name = E('input', {
			'class': 'cbi-input-text',
			'id': 'homeca-name-' + device.id,
			'maxlength': 64,
			'placeholder': device.name ?? _('name')
		});
		const approve = () => {
			const typed = name.value.trim();

			return api.call('approve', { id: device.id, name: typed === '' ? undefined : typed }).catch((error) => live.complain(error));
		};
		const fact = (term, value, style) => value === null || value === undefined || value === ''
			? []
			: [ E('dt', {}, [ term ]), E('dd', { 'class': style ?? null }, [ value ]) ];

		return E('div', { 'class': 'homeca-card', 'data-device': device.id }, [
			E('h4', {}, [ title ]),
			device.alarm === null ? '' : E('p', { 'class': 'homeca-bad' }, [ words.alarm(device.alarm) ]),
			E('dl', { 'class': 'homeca-facts' }, [
				...fact(_('Proven'), words.proven(device.proven)),
				...fact(_('It says it is'), claim === null ? null : [ claim.type, claim.name ].filter(Boolean).join(', '), 'homeca-claim'),
				...fact(_('It says its id is'), claim === null ? null : claim.id, 'homeca-claim'),
				...fact(_('Address'), device.macs[0], 'homeca-claim'),
				...fact(_('Came'), words.moment(device.firstSeen)),
				...fact(_('Compare this number'), device.code === null ? null : E('span', { 'class': 'homeca-code' }, [ device.code ]))
			]),
			E('div', { 'class': 'homeca-buttons' }, [
				E('label', { 'for': name.id }, [ _('Name') ]),
				name,
				button(this, _('Approve'), 'cbi-button-positive', approve, title),
				button(this, _('Deny'), 'cbi-button-negative', act('deny', { id: device.id }), title),
				button(this, _('Not now'), '', () => {
					notNow.add(device.id);

					return this.refresh();
				}, title)
			])
		]);
	}
});
