'use strict';
'require baseclass';
'require homeca.api as api';
'require homeca.dialog as dialog';
'require homeca.life as life';
'require homeca.rights as rights';
'require homeca.rights-form as rightsForm';
'require homeca.rights-list as rightsList';
'require homeca.words as words';

/*
 * Who may do what with whom. Whoever asks has a row, whoever is asked a column; a large home is
 * shown part by part, for five hundred by five hundred cells are more than anybody reads.
 */

const ROWS = 25;
const COLUMNS = 8;
/** Rights asked for at once: as many calls as LuCI may put into one message. */
const AT_ONCE = 16;

/** A part of a list, and how to go on. `at` is corrected where the list became shorter. */
function windowOf(list, at, size) {
	const last = Math.max(0, Math.floor((list.length - 1) / size) * size);
	const from = Math.min(at, last);
	return { from, to: Math.min(list.length, from + size), part: list.slice(from, from + size) };
}

return baseclass.extend({
	/**
	 * @param {boolean} isReadOnly - cells show and change nothing then
	 * @returns {{ node: Node, update: function(Map<string, object>): Promise }} `update` asks anew for
	 *   the rights of those who are shown
	 */
	create(isReadOnly) {
		const node = E('div', { 'class': 'homeca-matrix' });
		const known = new Map();
		let devices = new Map();
		let askers = 0;
		let asked = 0;
		let filter = '';
		let turn = 0;

		const nameOf = (id) => devices.has(id) ? words.title(devices.get(id)) : id;
		const members = () => Array.from(devices.values()).filter((device) => life.isMember(device));
		const isMeant = (device) => words.title(device).toLowerCase().includes(filter) || device.id.startsWith(filter);

		/** Only who has words for its rights has any, so the others are not asked for. */
		const load = async (some) => {
			const wanted = some.filter((device) => device.words.length > 0);
			for (const device of some) if (device.words.length === 0) known.set(device.id, []);
			for (let at = 0; at < wanted.length; at += AT_ONCE) {
				const answers = await Promise.all(wanted.slice(at, at + AT_ONCE)
					.map((device) => api.call('rights', { id: device.id })));
				for (const answer of answers) known.set(answer.id, answer.rights);
			}
		};

		const change = (asker, target) => {
			const has = () => rights.against(known.get(asker.id) ?? [], target);
			const list = E('div', {});
			const form = rightsForm.create({
				id: asker.id, prefix: 'homeca-cell', to: target.id,
				grant: (right) => api.call('grant', Object.assign({ id: asker.id }, right)).then(reload)
			});
			form.update(devices);
			const fill = () => {
				const { own, shared } = has();
				list.replaceChildren(
					own.length + shared.length === 0 ? E('p', {}, [ _('It may ask nothing of it.') ]) : '',
					own.length === 0 ? '' : rightsList.draw({
						id: asker.id, name: nameOf(asker.id), rights: own, nameOf, isReadOnly: true
					}),
					shared.length === 0 ? '' : E('div', {}, [
						E('p', {}, [ _('Through a group, or as one of all:') ]),
						rightsList.draw({ id: asker.id, name: nameOf(asker.id), rights: shared, nameOf, isReadOnly: true })
					])
				);
			};
			const reload = (answer) => {
				known.set(answer.id, answer.rights);
				fill();
				draw();
			};
			fill();
			const close = E('button', { 'type': 'button', 'class': 'btn' }, [ _('Close') ]);
			const takeAll = E('button', { 'type': 'button', 'class': 'btn cbi-button-negative' }, [ _('Take all away') ]);
			const fault = E('div', { 'role': 'alert' });
			const open = dialog.open(_('What one may ask of another'), [
				E('p', {}, [ E('bdi', {}, [ _('%s asks %s').format(nameOf(asker.id), nameOf(target.id)) ]) ]),
				list,
				isReadOnly ? '' : form.node,
				fault,
				E('div', { 'class': 'right' }, [ close, ' ', isReadOnly ? '' : takeAll ])
			]);
			close.addEventListener('click', () => {
				open.close();
				node.querySelector('[data-cell="%s %s"]'.format(asker.id, target.id))?.focus();
			});
			takeAll.disabled = has().own.length === 0;
			takeAll.addEventListener('click', () => {
				takeAll.disabled = true;
				api.call('withhold', { id: asker.id, to: target.id }).then(reload, (failure) =>
					fault.replaceChildren(E('p', { 'class': 'alert-message error' }, [ failure.message ])));
			});
			close.focus();
		};

		const cell = (asker, target) => {
			if (asker.id === target.id) return E('td', { 'class': 'homeca-self' }, [ E('span', { 'class': 'homeca-hidden' }, [ _('itself') ]) ]);
			const all = known.get(asker.id);
			const { own, shared } = rights.against(all ?? [], target);
			const methods = own.concat(shared).flatMap((right) => right.methods);
			const shown = all === undefined ? '…' : methods.length === 0 ? '–' : rights.verbList(methods).join(', ');
			const words = methods.length === 0
				? _('%s may ask nothing of %s.').format(nameOf(asker.id), nameOf(target.id))
				: _('%s may %s something of %s.').format(nameOf(asker.id), rights.verbs(methods), nameOf(target.id));
			return E('td', {}, [
				E('button', {
					'type': 'button',
					'class': methods.length === 0 ? 'homeca-cell' : own.length === 0 ? 'homeca-cell homeca-shared' : 'homeca-cell homeca-own',
					'data-cell': '%s %s'.format(asker.id, target.id),
					'aria-label': _('%s: %s').format(shown, words),
					'title': words,
					'click': () => change(asker, target)
				}, [ shown ])
			]);
		};

		const steps = (title, part, length, size, go) => length <= size ? '' : E('div', { 'class': 'homeca-steps' }, [
			E('button', {
				'type': 'button', 'class': 'btn homeca-small', 'disabled': part.from === 0 ? '' : null,
				'click': () => go(part.from - size)
			}, [ _('Back') ]),
			' ', E('span', {}, [ title.format(part.from + 1, part.to, length) ]), ' ',
			E('button', {
				'type': 'button', 'class': 'btn homeca-small', 'disabled': part.to >= length ? '' : null,
				'click': () => go(part.from + size)
			}, [ _('Further') ])
		]);

		const draw = () => {
			const all = members();
			const rowList = all.filter(isMeant);
			const rows = windowOf(rowList, askers, ROWS);
			const columns = windowOf(all, asked, COLUMNS);
			askers = rows.from;
			asked = columns.from;
			if (all.length < 2) {
				node.replaceChildren(E('p', {}, [ _('As soon as two devices belong to this home, what one may ask of the other is shown here.') ]));
				return { rows };
			}
			const focused = document.activeElement?.getAttribute('data-cell') ?? null;
			node.replaceChildren(
				E('p', {}, [ _('Each row is a device that asks, each column one that is asked. What is not granted is refused.') ]),
				steps(_('Asking: %d to %d of %d'), rows, rowList.length, ROWS, (at) => { askers = at; void refresh(); }),
				steps(_('Asked: %d to %d of %d'), columns, all.length, COLUMNS, (at) => { asked = at; void refresh(); }),
				E('div', { 'class': 'homeca-scroll', 'role': 'region', 'tabindex': '0', 'aria-label': _('Who may do what with whom') }, [
					E('table', {}, [
						E('caption', { 'class': 'homeca-hidden' }, [ _('Who may do what with whom') ]),
						E('thead', {}, [ E('tr', {}, [
							E('th', { 'scope': 'col' }, [ _('asks') ]),
							...columns.part.map((device) => E('th', { 'scope': 'col' }, [ E('bdi', {}, [ words.title(device) ]) ]))
						]) ]),
						E('tbody', {}, rows.part.map((asker) => E('tr', {}, [
							E('th', { 'scope': 'row' }, [ E('bdi', {}, [ words.title(asker) ]) ]),
							...columns.part.map((target) => cell(asker, target))
						])))
					])
				]),
				E('p', { 'class': 'homeca-quiet' }, [ _('A dashed cell is granted through a group, or to ask every device.') ])
			);
			if (focused !== null) node.querySelector('[data-cell="%s"]'.format(focused))?.focus();
			return { rows };
		};

		/** Draws at once what is known, and again when the rights of those in view are there. */
		const refresh = async () => {
			const mine = ++turn;
			const { rows } = draw();
			await load(rows.part);
			if (mine === turn) draw();
		};

		return {
			node,
			update(all) {
				devices = all;
				return refresh();
			},
			filter(text) {
				filter = text;
				askers = 0;
				return refresh();
			}
		};
	}
});
