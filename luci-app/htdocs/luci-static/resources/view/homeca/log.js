'use strict';
'require view';
'require ui';
'require homeca.api as api';
'require homeca.live as live';
'require homeca.saving as saving';
'require homeca.words as words';

/* What was issued and done since this home began (kept on flash), or what happened lately (in memory); filter and export. */

const PORTION = 200;

/* A spreadsheet takes a cell that begins so for a formula. */
function cell(value) {
	const text = String(value ?? '');
	const safe = /^[=+\-@\t\r]/.test(text) ? "'" + text : text;

	return '"' + safe.replaceAll('"', '""') + '"';
}

function csvOf(entries) {
	const rows = entries.map((entry) => [ entry.number, entry.at === null ? '' : new Date(entry.at * 1000).toISOString(), entry.kind, entry.device, entry.serial, entry.text ]);

	return [ [ 'number', 'time', 'who', 'device', 'serial', 'text' ], ...rows ].map((row) => row.map(cell).join(',') + '\r\n').join('');
}

return view.extend({
	handleSave: null,
	handleSaveApply: null,
	handleReset: null,

	render() {
		this.source = this.select('homeca-source', [ [ 'audit', _('Everything that was issued and done') ], [ 'log', _('What happened since the start') ] ]);
		this.kind = this.select('homeca-kind', [ [ '', _('all') ], ...Object.keys(words.KINDS).map((kind) => [ kind, words.kind(kind) ]) ]);
		this.text = E('input', { 'class': 'cbi-input-text', 'id': 'homeca-text', 'type': 'search', 'input': () => this.show() });
		this.rows = E('tbody', {});
		this.count = E('p', { 'aria-live': 'polite' });
		this.older = E('button', { 'class': 'btn', 'click': ui.createHandlerFn(this, () => this.more()) }, [ _('Older ones') ]);
		this.verdict = E('span', { 'role': 'status' });
		this.entries = [];
		this.before = null;

		const labelled = (label, field) => E('div', {}, [ E('label', { 'for': field.id }, [ label ]), field ]);
		const export_ = (kind) => ui.createHandlerFn(this, () => this.all().then((entries) => {
			if (kind === 'csv')
				saving.save('homeca-log.csv', 'text/csv', csvOf(entries));
			else
				saving.save('homeca-log.json', 'application/json', JSON.stringify(entries, null, 1) + '\n');
		}).catch((error) => live.complain(error)));

		return E([
			live.style(),
			live.follow(() => this.refresh()),
			E('h2', {}, [ _('Log') ]),
			E('div', { 'class': 'homeca-filters' }, [
				labelled(_('Show'), this.source),
				labelled(_('By'), this.kind),
				labelled(_('With the words'), this.text)
			]),
			E('div', { 'class': 'homeca-buttons' }, [
				E('button', { 'class': 'btn', 'click': export_('csv') }, [ _('Save as CSV') ]),
				E('button', { 'class': 'btn', 'click': export_('json') }, [ _('Save as JSON') ]),
				E('button', { 'class': 'btn', 'click': ui.createHandlerFn(this, () => this.verify()) }, [ _('Check that nothing was changed') ]),
				this.verdict
			]),
			this.count,
			E('div', { 'class': 'homeca-scroll', 'tabindex': 0, 'role': 'region', 'aria-label': _('Log') }, [
				E('table', { 'class': 'table homeca-wide' }, [
					E('thead', {}, [ E('tr', { 'class': 'tr' }, [ _('Time'), _('By'), _('What') ].map((title) => E('th', { 'class': 'th', 'scope': 'col' }, [ title ]))) ]),
					this.rows
				])
			]),
			this.older
		]);
	},

	select(id, options) {
		return E('select', { 'class': 'cbi-input-select', 'id': id, 'change': () => this.refresh() },
			options.map(([ value, label ]) => E('option', { value }, [ label ])));
	},

	/* The newest ones, anew. */
	refresh() {
		return this.portion(null).then((page) => {
			this.entries = page.entries;
			this.before = page.before;
			this.show();
		}).catch((error) => live.complain(error));
	},

	portion(before) {
		if (this.source.value === 'audit')
			return api.call('audit', { before: before ?? undefined, limit: PORTION });

		return api.call('log', { limit: 1000 }).then(({ events }) => ({ entries: events, before: null }));
	},

	more() {
		return this.portion(this.before).then((page) => {
			this.entries = [ ...page.entries, ...this.entries ];
			this.before = page.before;
			this.show();
		}).catch((error) => live.complain(error));
	},

	/* Every entry there is, with progress where there are many. */
	all() {
		const found = [];
		const next = (before) => this.portion(before).then((page) => {
			found.unshift(...page.entries);
			this.count.replaceChildren(_('%d entries so far …').format(found.length));

			return page.before === null ? found : next(page.before);
		});

		return next(null).finally(() => this.show());
	},

	verify() {
		return api.call('verify').then(({ first, last, chain, trouble }) => {
			this.verdict.className = trouble === null ? 'homeca-good' : 'homeca-bad';
			this.verdict.replaceChildren(trouble ?? _('Entries %d to %d are as they were written.').format(first, last), ' ',
				E('code', { 'title': _('Stands for all entries: noted elsewhere, it shows whether the log was made anew.') }, [ chain.slice(0, 16) ]));
		}).catch((error) => live.complain(error));
	},

	show() {
		const kind = this.kind.value;
		const wanted = this.text.value.trim().toLowerCase();
		const shown = this.entries.filter((entry) =>
			(kind === '' || entry.kind === kind) &&
			(wanted === '' || [ entry.text, entry.device, entry.serial ].some((text) => (text ?? '').toLowerCase().includes(wanted)))).reverse();

		this.count.replaceChildren(_('%d of %d entries').format(shown.length, this.entries.length));
		this.older.hidden = this.before === null;
		this.rows.replaceChildren(...shown.map((entry) => E('tr', { 'class': 'tr' }, [
			E('td', { 'class': 'td' }, [ words.moment(entry.at) ]),
			E('td', { 'class': 'td' }, [ words.kind(entry.kind) ]),
			E('td', { 'class': 'td' }, [ words.sentence(entry.text) ])
		])));
	}
});
