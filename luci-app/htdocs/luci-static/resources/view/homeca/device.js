'use strict';
'require view';
'require homeca.api as api';
'require homeca.device-actions as actions';
'require homeca.household as household';
'require homeca.life as life';
'require homeca.live as live';
'require homeca.rights-form as rightsForm';
'require homeca.rights-list as rightsList';
'require homeca.slot as slot';
'require homeca.words as words';

/* One device: what it is, what is proven of it, what it may do, and what may be done with it. */

/** Events that are shown of it. */
const HISTORY = 100;

const HOUR = 3600;

function section(title, nodes) {
	return E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ title ]) ].concat(nodes));
}

/** Names and what they are, one a line. */
function facts(rows) {
	return E('dl', { 'class': 'homeca-facts' }, rows.filter(([ , value ]) => value !== null && value !== '').flatMap(([ name, value ]) => [
		E('dt', {}, [ name ]),
		E('dd', {}, Array.isArray(value) ? value : [ E('bdi', {}, [ value ]) ])
	]));
}

function isValid(certificate) {
	return !certificate.revoked && certificate.notAfter * 1000 > Date.now();
}

/** Where the device's key stands among the four cases: its own randomness, and who knew the key before. */
function keyCases(keyCase) {
	const cell = (name, text) => E('td', {
		'class': name === keyCase ? 'homeca-case homeca-chosen' : 'homeca-case',
		'aria-current': name === keyCase ? 'true' : null
	}, [ text, name === keyCase ? E('div', {}, [ E('strong', {}, [ _('this device') ]) ]) : '' ]);
	return E('details', {}, [
		E('summary', {}, [ _('The four cases') ]),
		E('div', { 'class': 'homeca-scroll', 'role': 'region', 'tabindex': '0', 'aria-label': _('The four cases') }, [
			E('table', {}, [
				E('thead', {}, [ E('tr', {}, [
					E('td', {}),
					E('th', { 'scope': 'col' }, [ _('the key before it: nobody else knows it') ]),
					E('th', { 'scope': 'col' }, [ _('the key before it: its maker or last owner may know it') ])
				]) ]),
				E('tbody', {}, [
					E('tr', {}, [
						E('th', { 'scope': 'row' }, [ _('the device has randomness of its own') ]),
						cell('good-unknown', _('secret')),
						cell('good-known', _('secret, if the code was compared'))
					]),
					E('tr', {}, [
						E('th', { 'scope': 'row' }, [ _('it has none') ]),
						cell('weak-unknown', _('as secret as the key before it')),
						cell('weak-known', _('not secret from who listened'))
					])
				])
			])
		])
	]);
}

return view.extend({
	load() {
		this.id = new URLSearchParams(window.location.search).get('id') ?? window.location.hash.slice(1);
		if (this.id === '') return { refusal: _('Choose a device from the list.') };
		// A refusal has a reason; without one the daemon is away, and comes back.
		return this.read().catch(({ reason, message }) => reason === undefined ? null : { refusal: message });
	},

	/** All that is shown but the others. */
	async read() {
		const { id } = this;
		const [ device, why, rights, log ] = await Promise.all([
			api.call('device', { id }), api.call('why', { id }), api.call('rights', { id }),
			api.call('log', { device: id, limit: HISTORY })
		]);
		return { device, why, rights, events: log.events };
	},

	render(subject) {
		if (subject === null || subject.refusal !== undefined) {
			return E('div', { 'class': 'homeca' }, [
				live.style(),
				E('h2', {}, [ _('Device') ]),
				subject === null ? live.follow(() => window.location.reload())
					: E('div', { 'class': 'alert-message warning' }, [ E('p', {}, [ subject.refusal ]) ]),
				this.back()
			]);
		}
		const { device } = subject;
		this.isReadOnly = !L.hasViewPermission();
		this.devices = new Map([ [ device.id, device ] ]);
		this.status = E('p', { 'role': 'status', 'class': 'homeca-status' });
		this.fault = E('div', { 'role': 'alert' });
		this.slots = [
			this.heading(), this.standing(), this.proof(), this.key(), this.certificates(), this.silence(),
			this.mayAsk(), this.groups(), this.history()
		];
		const [ heading, standing, proof, key, certificates, silence, mayAsk, groups, history ] = this.slots;
		this.form = rightsForm.create({
			id: device.id, prefix: 'homeca-right', to: null,
			grant: (right) => api.call('grant', Object.assign({ id: device.id }, right))
				.then(() => this.done(_('It may do that now.')))
		});
		this.update(subject);

		return E('div', { 'class': 'homeca' }, [
			live.style(),
			live.follow(() => this.refresh()),
			this.back(),
			heading.node,
			this.fault,
			this.status,
			standing.node,
			section(_('What is proven, and what it only claims'), [ proof.node ]),
			section(_('Identity and key'), [ key.node ]),
			section(_('Certificates'), [ certificates.node ]),
			section(_('Silence'), [ silence.node, this.isReadOnly ? '' : this.patienceForm(device) ]),
			section(_('Rights'), [ mayAsk.node, this.isReadOnly ? '' : this.form.node ]),
			section(_('Groups'), [ groups.node, this.isReadOnly ? '' : this.groupForm(device) ]),
			section(_('History'), [ history.node ])
		]);
	},

	back() {
		return E('p', {}, [ E('a', { 'href': L.url('admin/services/homeca/devices') }, [ _('All devices') ]) ]);
	},

	heading() {
		return slot.create(({ device, why }) => [ device, words.sentence(why.sentence) ], ([ device, why ]) => {
			const button = (action) => E('button', {
				'type': 'button',
				'class': actions.isDangerous(action) ? 'btn cbi-button-negative' : 'btn cbi-button-positive',
				'click': () => this.act(action)
			}, [ actions.verb(action) ]);
			return [
				E('h2', {}, [ E('bdi', {}, [ words.title(device) ]) ]),
				E('p', {}, [
					E('span', { 'class': 'homeca-badge homeca-' + device.state }, [ words.state(device.state) ]), ' ',
					E('span', { 'class': 'homeca-badge' }, [ words.place(device.place) ]), ' ',
					device.theftLock ? E('span', { 'class': 'homeca-badge' }, [ _('theft-locked') ]) : ''
				]),
				E('p', {}, [ life.stateSentence(device.state) ]),
				device.alarm === null ? '' : E('p', { 'class': 'alert-message error' }, [ words.alarm(device.alarm) ]),
				E('p', { 'class': 'homeca-quiet' }, [ E('bdi', {}, [ why ]) ]),
				E('div', { 'class': 'homeca-buttons homeca-actions' }, this.isReadOnly ? [ this.whyLink(device) ] : [
					...actions.of(device).map(button),
					E('button', { 'type': 'button', 'class': 'btn', 'click': () => this.rename() }, [ _('Rename') ]),
					this.whyLink(device)
				])
			];
		});
	},

	whyLink(device) {
		return E('a', { 'class': 'btn', 'href': L.url('admin/services/homeca/why') + '?id=' + encodeURIComponent(device.id) }, [ _('Why?') ]);
	},

	standing() {
		return slot.create(({ device }) => device, (device) => [ facts([
			[ _('Id'), [ E('code', {}, [ device.id ]) ] ],
			[ _('Name'), life.namedBy(device.nameBy) ],
			[ _('Type'), device.type ],
			[ _('Class'), words.deviceClass(device.class) ],
			[ _('Network'), device.placement === null ? null
				: device.placement.vlan === null ? device.placement.network
					: _('%s, VLAN %d').format(device.placement.network, device.placement.vlan) ],
			[ _('Addresses'), device.macs.join(' ') ],
			[ _('First seen'), words.moment(device.firstSeen) ],
			[ _('Last seen'), device.lastSeen === null ? _('never') : words.moment(device.lastSeen) ],
			[ _('Decided'), device.decidedAt === null ? null : _('%s, by %s').format(words.moment(device.decidedAt), words.kind(device.decidedBy)) ],
			[ _('Release'), device.release === null ? null : !device.release.confirmed
				? _('not confirmed yet: the device gets it when it is next here')
				: device.release.confirmedAt === null ? _('confirmed by the device')
					: _('confirmed by the device, %s').format(words.moment(device.release.confirmedAt)) ]
		]) ], { 'class': 'cbi-section' });
	},

	proof() {
		return slot.create(({ device }) => device, (device) => [ E('div', { 'class': 'homeca-columns' }, [
			E('div', { 'class': 'homeca-proven' }, [
				E('h4', {}, [ _('Proven') ]),
				E('ul', {}, [
					E('li', {}, [ words.proven(device.proven) ]),
					device.certificates.some(isValid) ? E('li', {}, [ _('It holds a certificate of this home.') ]) : ''
				]),
				device.code === null ? '' : E('div', {}, [
					E('div', {}, [ _('Code to compare with what the device shows:') ]),
					E('div', { 'class': 'homeca-code' }, [ device.code ])
				])
			]),
			E('div', { 'class': 'homeca-claimed' }, [
				E('h4', {}, [ _('Only claimed') ]),
				device.claim === null ? E('p', {}, [ _('It claims nothing about itself.') ]) : facts([
					[ _('Name'), device.claim.name ],
					[ _('Type'), device.claim.type ],
					[ _('Id'), [ E('code', {}, [ device.claim.id ]) ] ]
				]),
				E('p', { 'class': 'homeca-quiet' }, [ _('Whoever sends such a claim chooses it, and addresses as well.') ])
			])
		]) ]);
	},

	key() {
		return slot.create(({ device }) => device, (device) => {
			const { title, text, isWeak } = life.keyCase(device.keyCase, device.certificates.length > 0);
			return [
				E('p', { 'class': isWeak ? 'alert-message warning' : '' }, [ E('strong', {}, [ title ]) ]),
				E('p', {}, [ text ]),
				device.keyCase === null ? '' : keyCases(device.keyCase)
			];
		});
	},

	certificates() {
		return slot.create(({ device }) => device.certificates, (all) => all.length === 0
			? [ E('p', {}, [ _('It has none.') ]) ]
			: [ E('table', { 'class': 'table homeca-stack', 'role': 'table', 'aria-label': _('Certificates') }, [
				E('thead', { 'role': 'rowgroup' }, [ E('tr', { 'class': 'tr table-titles', 'role': 'row' },
					[ _('Serial number'), _('Issued'), _('Until'), _('State') ].map((title) =>
						E('th', { 'class': 'th', 'role': 'columnheader' }, [ title ]))) ]),
				E('tbody', { 'role': 'rowgroup' }, all.map((certificate) => E('tr', { 'class': 'tr', 'role': 'row' }, [
					[ _('Serial number'), E('code', { 'class': 'homeca-long' }, [ certificate.serial ]) ],
					[ _('Issued'), words.moment(certificate.issuedAt) ],
					[ _('Until'), words.moment(certificate.notAfter) ],
					[ _('State'), certificate.revoked ? _('withdrawn') : isValid(certificate) ? _('valid') : _('ended') ]
				].map(([ title, content ]) => E('td', { 'class': 'td', 'role': 'cell', 'data-title': title }, [ content ])))))
			]) ]);
	},

	silence() {
		return slot.create(({ device }) => device.silence, (silence) => silence === null
			? [ E('p', {}, [ _('The silence of a device is measured while it belongs to the home.') ]) ]
			: [
				facts([
					[ _('Silent for'), words.span(silence.hours * HOUR) ],
					[ _('Taken for'), silence.pinned
						? _('%s days, as you set it').format(String(silence.days))
						: _('%s days, as the home decides').format(String(silence.days)) ],
					[ _('Falls dormant'), silence.dormantInHours === null ? _('It is dormant.')
						: _('after %s more of silence').format(words.span(silence.dormantInHours * HOUR)) ]
				]),
				E('p', { 'class': 'homeca-quiet' }, [ _('Hours that this router was off do not count.') ])
			]);
	},

	patienceForm({ id }) {
		const days = E('input', {
			'id': 'homeca-days', 'type': 'number', 'class': 'cbi-input-text', 'min': '3', 'max': '60', 'step': '1', 'inputmode': 'numeric'
		});
		const send = (event, value) => {
			event.preventDefault();
			// A device that was told less before is held to that until it hears of it.
			return this.changed('patience', value === null ? { id } : { id, days: value }, ({ days: taken }) =>
				value === null || taken >= value ? _('Its silence is taken for %s days now.').format(String(taken))
					: _('It was told a shorter time before, so its silence is taken for %s days until it reports.').format(String(taken)));
		};
		this.patience = E('form', {
			'class': 'homeca-form homeca-line',
			'submit': (event) => send(event, Number(days.value))
		}, [
			E('label', { 'for': 'homeca-days' }, [ _('Days of silence, 3 to 60') ]), ' ',
			days, ' ',
			E('button', { 'type': 'submit', 'class': 'btn cbi-button-positive' }, [ _('Set') ]), ' ',
			E('button', { 'type': 'button', 'class': 'btn', 'click': (event) => send(event, null) }, [ _('Let the home decide') ])
		]);
		days.required = true;
		this.patience.hidden = this.device.silence === null;
		return this.patience;
	},

	mayAsk() {
		return slot.create(({ device, rights }) => [ words.title(device), rights.rights, Array.from(this.devices.values(), ({ id, name }) => [ id, name ]) ],
			([ name, all ]) => all.length === 0
				? [ E('p', {}, [ _('It may ask nothing of other devices.') ]) ]
				: [ rightsList.draw({
					id: this.id, name, rights: all, nameOf: (id) => this.nameOf(id), isReadOnly: this.isReadOnly,
					changed: () => this.refresh()
				}) ]);
	},

	groups() {
		return slot.create(({ rights }) => rights.groups, (names) => [
			E('p', {}, [ _('Rights against a group are rights against each device in it.') ]),
			names.length === 0 ? E('p', {}, [ _('It is in no group.') ]) : E('ul', { 'class': 'homeca-list' }, names.map((group) => E('li', {}, [
				E('bdi', {}, [ group ]), ' ',
				this.isReadOnly ? '' : E('button', {
					'type': 'button', 'class': 'btn homeca-small',
					'aria-label': _('Take out: %s').format(group),
					'click': () => this.changed('ungroup', { id: this.id, group }, _('It is out of the group.'))
				}, [ _('Take out') ])
			])))
		]);
	},

	groupForm({ id }) {
		const known = E('datalist', { 'id': 'homeca-groups' });
		const name = E('input', {
			'id': 'homeca-group', 'type': 'text', 'class': 'cbi-input-text', 'maxlength': '64',
			'list': 'homeca-groups', 'placeholder': 'lights', 'autocomplete': 'off'
		});
		name.required = true;
		this.knownGroups = known;
		return E('form', {
			'class': 'homeca-form homeca-line',
			'submit': (event) => {
				event.preventDefault();
				void this.changed('group', { id, group: name.value.trim() }, _('It is in the group now.'))
					.then((isDone) => { if (isDone) name.value = ''; });
			}
		}, [
			E('label', { 'for': 'homeca-group' }, [ _('Name of the group') ]), ' ', name, known, ' ',
			E('button', { 'type': 'submit', 'class': 'btn cbi-button-positive' }, [ _('Put in') ])
		]);
	},

	history() {
		return slot.create(({ events }) => events, (events) => events.length === 0
			? [ E('p', {}, [ _('Nothing has happened since HomeCA was started.') ]) ]
			: [ E('ol', { 'class': 'homeca-list homeca-history' }, events.slice().reverse().map((event) => E('li', {}, [
				E('time', { 'class': 'homeca-quiet' }, [ words.moment(event.at) ]), ' ', E('bdi', {}, [ words.sentence(event.text) ])
			]))) ]);
	},

	nameOf(id) {
		return this.devices.has(id) ? words.title(this.devices.get(id)) : id;
	},

	update(subject) {
		this.device = subject.device;
		this.subject = subject;
		this.devices.set(this.device.id, this.device);
		for (const each of this.slots) each.update(subject);
		if (this.patience !== undefined) this.patience.hidden = this.device.silence === null;
		this.form.update(this.devices);
	},

	/** The others, for their names and for whom a right may be about. */
	async readHousehold() {
		this.devices = await household.all();
		this.update(this.subject);
		this.knownGroups?.replaceChildren(...household.groups(this.devices).map((value) => E('option', { value })));
	},

	async refresh() {
		this.update(await this.read());
		await this.readHousehold();
	},

	/** Calls a method and shows what became of it. @returns {Promise<boolean>} whether it was done */
	async changed(method, args, sentence) {
		this.status.replaceChildren();
		let answer;
		try {
			answer = await api.call(method, args);
		} catch (failure) {
			this.fault.replaceChildren(E('p', { 'class': 'alert-message error' }, [ failure.message ]));
			return false;
		}
		await this.done(typeof(sentence) === 'function' ? sentence(answer) : sentence);
		return true;
	},

	done(sentence) {
		this.fault.replaceChildren();
		this.status.replaceChildren(sentence);
		return this.refresh();
	},

	async rename() {
		if (await actions.rename(this.device) !== null) await this.refresh();
	},

	async act(action) {
		if (await actions.run(action, this.device) === null) return;
		if (action === 'remove') window.location.assign(L.url('admin/services/homeca/devices'));
		else await this.refresh();
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
