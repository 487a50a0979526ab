'use strict';
'require baseclass';
'require homeca.api as api';
'require homeca.life as life';
'require homeca.pair-dialog as pairDialog';
'require homeca.rights as rights';
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

		const change = (asker, target) => pairDialog.open({
			asker, target, devices, isReadOnly,
			rights: () => known.get(asker.id) ?? [],
			changed: (answer) => {
				known.set(answer.id, answer.rights);
				draw();
			}
		}).then(() => node.querySelector('[data-cell="%s %s"]'.format(asker.id, target.id))?.focus());

		/** One pair: by which methods the one may ask the other, whatever for. */
		const cell = (asker, target) => {
			if (asker.id === target.id)
				return E('td', { 'class': 'homeca-self' }, [ E('span', { 'class': 'homeca-hidden' }, [ _('itself') ]) ]);
			const all = known.get(asker.id);
			const { own, shared } = rights.against(all ?? [], target);
			const methods = own.concat(shared).flatMap((right) => right.methods);
			const names = [ nameOf(asker.id), nameOf(target.id) ];
			const [ shown, sentence ] = all === undefined
				? [ '…', _('What %s may ask of %s is not read yet.').format(...names) ]
				: methods.length === 0
					? [ '–', _('%s may ask nothing of %s.').format(...names) ]
					: [
						rights.verbList(methods).join(', '),
						_('%s may %s something of %s.').format(names[0], rights.verbs(methods), names[1])
					];
			const style = methods.length === 0 ? '' : own.length === 0 ? ' homeca-shared' : ' homeca-own';
			return E('td', {}, [
				E('button', {
					'type': 'button',
					'class': 'homeca-cell' + style,
					'data-cell': '%s %s'.format(asker.id, target.id),
					'aria-label': _('%s: %s').format(shown, sentence),
					'title': sentence,
					'disabled': all === undefined ? '' : null,
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
				steps(_('Asking: %d to %d of %d'), rows, rowList.length, ROWS, (at) => { askers = at; refresh().catch(() => {}); }),
				steps(_('Asked: %d to %d of %d'), columns, all.length, COLUMNS, (at) => { asked = at; refresh().catch(() => {}); }),
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
