'use strict';
'require view';
'require homeca.api as api';
'require homeca.dialog as dialog';
'require homeca.live as live';
'require homeca.slot as slot';
'require homeca.saving as saving';
'require homeca.words as words';

/* The certificate authority of this home: its certificates, when they are renewed, and its revocation list. */

function facts(rows) {
	return E('dl', { 'class': 'homeca-facts' }, rows.filter(([ , value ]) => value !== null).flatMap(([ name, value ]) => [
		E('dt', {}, [ name ]),
		E('dd', {}, Array.isArray(value) ? value : [ value ])
	]));
}

function save(title, name, type, text) {
	return E('p', {}, [ E('button', { 'type': 'button', 'class': 'btn', 'click': () => saving.save(name, type, text) }, [ title ]) ]);
}

function fingerprint(text) {
	return [ E('code', { 'class': 'homeca-fingerprint' }, [ text ]) ];
}

function section(title, nodes) {
	return E('div', { 'class': 'cbi-section' }, [ E('h3', {}, [ title ]) ].concat(nodes));
}

function read() {
	return Promise.all([ api.call('authority', {}), api.call('crl', {}), api.call('status', {}) ])
		.then(([ authority, crl, status ]) => ({ authority, crl, parts: status.parts }));
}

return view.extend({
	load() {
		// Nothing is drawn while the daemon is away, but what says so.
		return read().catch(() => null);
	},

	render(subject) {
		const slots = [ this.troubles(), this.root(), this.renewals(), this.list() ];
		this.update = (now) => { for (const each of slots) each.update(now); };
		if (subject !== null) this.update(subject);
		const [ troubles, root, renewals, list ] = slots;
		return E('div', { 'class': 'homeca' }, [
			live.style(),
			live.follow(() => this.refresh()),
			E('h2', {}, [ _('Authority') ]),
			troubles.node,
			section(_('Root certificate'), [ root.node ]),
			section(_('Certificates that are renewed by themselves'), [ renewals.node ]),
			section(_('Revocation list'), [ list.node ])
		]);
	},

	async refresh() {
		this.update(await read());
	},

	/** What is wrong with the authority or its store, and what mends it. */
	troubles() {
		return slot.create(
			({ parts }) => parts.filter(({ part, good }) => !good && [ 'authority', 'storage', 'time' ].includes(part)),
			(bad) => bad.map(({ sentence, fix }) => E('div', { 'class': 'alert-message warning' }, [
				E('p', {}, [ E('bdi', {}, [ sentence ]) ]),
				fix === null || !L.hasViewPermission() ? '' : E('button', {
					'type': 'button', 'class': 'btn cbi-button-action', 'click': () => this.mend(sentence, fix)
				}, [ fix.label ])
			])));
	},

	mend(sentence, fix) {
		return dialog.ask({
			title: fix.label,
			content: [ E('p', {}, [ E('bdi', {}, [ sentence ]) ]) ].concat(fix.method !== 'replaced' ? [] : [
				E('p', {}, [ _('Confirm this only if you moved the home to this router yourself: two routers with the same keys must not run at once.') ])
			]),
			verb: fix.label,
			run: () => api.call(fix.method, fix.arguments)
		}).then((answer) => answer === null ? undefined : this.refresh());
	},

	root() {
		return slot.create(({ authority }) => authority, (it) => [
			E('p', {}, [ _('Compare the fingerprint with what a device shows before you install the certificate on it. The key keeps its fingerprint when the certificate is renewed.') ]),
			facts([
				[ _('Fingerprint of the certificate (SHA-256)'), fingerprint(it.rootFingerprint) ],
				[ _('Fingerprint of the key (SHA-256)'), fingerprint(it.rootKeyFingerprint) ],
				[ _('Valid until'), words.day(it.notAfter) ],
				[ _('Its key'), it.rootKeyHere === undefined ? null : it.rootKeyHere
					? _('is on this router')
					: _('is not on this router: the issuing authority cannot be renewed without it') ]
			]),
			save(_('Download the root certificate'), 'homeca-ca.pem', 'application/x-pem-file', it.rootPem)
		]);
	},

	renewals() {
		return slot.create(({ authority }) => authority, (it) => [ E('table', {
			'class': 'table homeca-stack', 'role': 'table', 'aria-label': _('Certificates that are renewed by themselves')
		}, [
			E('thead', { 'role': 'rowgroup' }, [ E('tr', { 'class': 'tr table-titles', 'role': 'row' },
				[ _('Certificate'), _('Valid until'), _('Renewed on') ].map((title) =>
					E('th', { 'class': 'th', 'role': 'columnheader' }, [ title ]))) ]),
			E('tbody', { 'role': 'rowgroup' }, [
				[ _('Issuing authority: signs the certificates of devices'), it.issuingNotAfter, it.issuingRenewsAt ],
				[ _('Server %s: proves this home to devices').format(it.serverName), it.serverNotAfter, it.serverRenewsAt ]
			].filter(([ , notAfter ]) => notAfter !== undefined).map(([ name, notAfter, renewsAt ]) => E('tr', { 'class': 'tr', 'role': 'row' }, [
				[ _('Certificate'), name ],
				[ _('Valid until'), words.day(notAfter) ],
				[ _('Renewed on'), typeof renewsAt === 'number' ? words.day(renewsAt) : _('not any more: see the root certificate') ]
			].map(([ title, content ]) => E('td', { 'class': 'td', 'role': 'cell', 'data-title': title }, [ content ])))))
		]) ]);
	},

	list() {
		return slot.create(({ crl }) => crl, (it) => [
			E('p', {}, [ _('Devices read here which certificates are withdrawn. It is signed anew with each revocation, and before it ends.') ]),
			facts([
				[ _('Number'), String(it.number) ],
				[ _('Signed'), words.moment(it.thisUpdate) ],
				[ _('Good until'), words.moment(it.nextUpdate) ],
				[ _('Withdrawn certificates on it'), String(it.revoked) ]
			]),
			save(_('Download the revocation list'), 'homeca-crl.pem', 'application/x-pem-file', it.crlPem)
		]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
