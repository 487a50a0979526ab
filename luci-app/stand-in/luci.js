/*
 * A small stand-in for LuCI's client library, so that the same views run
 * without a router: what the views of luci-app-homeca use and nothing else,
 * with LuCI's semantics. Where the two differ, LuCI is right.
 *
 * Modules are wrapped by server.mjs: its policy for scripts allows no eval.
 */
(() => {
	'use strict';

	const SESSION = 'homeca-session';
	const CALL_SECONDS = 20;

	/* The group of acl.d that all pages depend on. */
	const GROUP = 'luci-app-homeca';

	let translations = {};
	let mayChange = false;
	let session = sessionStorage.getItem(SESSION);

	window._ = (text) => translations[text] ?? text;
	window.N_ = (count, one, many) => window._(count === 1 ? one : many);

	/* The conversions of LuCI's String.format that the views use. */
	String.prototype.format = function(...values) {
		let at = 0;

		return this.replace(/%(%|s|d)/g, (_all, kind) => {
			if (kind === '%')
				return '%';

			const value = values[at++];

			return kind === 'd' ? String(Math.trunc(Number(value))) : String(value ?? '');
		});
	};

	const isObject = (value) => typeof(value) === 'object' && value !== null;
	const isNode = (value) => isObject(value) && 'nodeType' in value;

	/* As LuCI's: in an array text becomes text nodes; text alone becomes markup. */
	const dom = {
		elem: isNode,

		append(node, children) {
			if (Array.isArray(children)) {
				for (const child of children) {
					if (isNode(child))
						node.appendChild(child);
					else if (child !== null && child !== undefined)
						node.appendChild(document.createTextNode(String(child)));
				}
			} else if (typeof(children) === 'function') {
				return dom.append(node, children(node));
			} else if (isNode(children)) {
				node.appendChild(children);
			} else if (children !== null && children !== undefined) {
				node.innerHTML = String(children);
			}

			return node.lastChild;
		},

		content(node, children) {
			node.replaceChildren();

			return dom.append(node, children);
		},

		attr(node, attributes) {
			for (const key of Object.keys(attributes)) {
				const value = attributes[key];

				if (value === null || value === undefined)
					continue;

				if (typeof(value) === 'function')
					node.addEventListener(key, value);
				else
					node.setAttribute(key, isObject(value) ? JSON.stringify(value) : String(value));
			}
		},

		create(tag, attributes, children) {
			if (Array.isArray(tag)) {
				const fragment = document.createDocumentFragment();

				dom.append(fragment, tag);

				return fragment;
			}

			if (tag.charAt(0) === '<') {
				const template = document.createElement('template');
				template.innerHTML = tag;

				return template.content.firstElementChild;
			}

			const node = document.createElement(tag);
			const isAttributes = isObject(attributes) && !Array.isArray(attributes) && !isNode(attributes);

			if (isAttributes)
				dom.attr(node, attributes);

			dom.append(node, isAttributes ? children : attributes);

			return node;
		}
	};

	window.E = dom.create;

	class Base {
		static extend(properties) {
			const made = class extends this {};

			Object.defineProperties(made.prototype, Object.getOwnPropertyDescriptors(properties));

			return made;
		}

		constructor(...args) {
			if (typeof(this.__init__) === 'function')
				this.__init__(...args);
		}
	}

	const BUSY = 'spinning';
	const view = Base.extend({
		load() {},
		render() {},

		__init__() {
			const place = document.getElementById('view');

			dom.content(place, E('div', { 'class': BUSY }, [ _('Loading view…') ]));
			Promise.resolve(this.load()).then((data) => this.render(data)).then((nodes) => {
				dom.content(place, nodes);
				dom.append(place, this.addFooter());
				place.removeAttribute('aria-busy');
			}).catch((error) => {
				dom.content(place, E('div', { 'class': 'alert-message danger' }, [ String(error.message) ]));
				place.removeAttribute('aria-busy');
			});
		},

		addFooter() {
			if (!this.handleSaveApply && !this.handleSave && !this.handleReset)
				return E([]);

			const button = (kind, label, handler) => handler && E('button', {
				'class': 'cbi-button cbi-button-' + kind,
				'click': ui.createHandlerFn(this, handler)
			}, [ label ]);

			return E('div', { 'class': 'cbi-page-actions' }, [
				button('apply', _('Save & Apply'), this.handleSaveApply), ' ',
				button('save', _('Save'), this.handleSave), ' ',
				button('reset', _('Reset'), this.handleReset)
			]);
		}
	});

	let number = 0;
	let batch = null;

	/* Calls of one tick go in one request. */
	function send(object, method, args) {
		if (batch === null) {
			batch = [];
			queueMicrotask(flush);
		}

		return new Promise((resolve, reject) => {
			const params = [ session ?? '00000000000000000000000000000000', object, method, args ];

			batch.push({ resolve, reject, message: { jsonrpc: '2.0', id: ++number, method: 'call', params } });
		});
	}

	function flush() {
		const sent = batch;
		batch = null;

		const messages = sent.map((one) => one.message);
		const lost = (error) => sent.forEach((one) => one.reject(error));

		fetch('/ubus', {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify(messages.length === 1 ? messages[0] : messages),
			signal: AbortSignal.timeout(CALL_SECONDS * 1000)
		}).then((response) => response.ok ? response.json() : Promise.reject(new Error('HTTP ' + response.status))).then((reply) => {
			const replies = new Map((Array.isArray(reply) ? reply : [ reply ]).map((one) => [ one.id, one ]));

			for (const { message, resolve, reject } of sent) {
				const one = replies.get(message.id);

				if (one === undefined)
					reject(new Error('No related RPC reply'));
				else if (one.error)
					reject(new Error('RPC call to %s/%s failed with error %d: %s'.format(message.params[1], message.params[2], one.error.code, one.error.message)));
				else
					resolve(one.result);
			}
		}).catch(lost);
	}

	const rpc = new (Base.extend({
		getSessionID: () => session,
		getStatusText: (code) => 'ubus code ' + code,

		declare({ object, method, params = [], expect, filter, reject = false }) {
			return (...values) => {
				const args = {};
				params.forEach((name, at) => { if (at < values.length) args[name] = values[at]; });

				return send(object, method, args).then((result) => {
					if (reject && result[0] !== 0)
						throw new Error('RPC call to %s/%s failed with ubus code %d'.format(object, method, result[0]));

					let data = result.length > 1 ? result[1] : result[0];

					if (expect) {
						const [ key ] = Object.keys(expect);
						const wanted = expect[key];

						if (isObject(data) && key !== '')
							data = data[key];

						if (data === null || data === undefined || Array.isArray(data) !== Array.isArray(wanted) || typeof(data) !== typeof(wanted))
							data = wanted;
					}

					return typeof(filter) === 'function' ? filter(data, args) : data;
				});
			};
		}
	}))();

	const poll = new (Base.extend({
		queue: [],
		tick: 0,
		timer: null,

		add(fn, seconds = 5) {
			if (this.queue.some((one) => one.fn === fn))
				return false;

			this.queue.push({ fn, seconds, idle: true });

			if (this.timer === null)
				this.start();

			return true;
		},

		remove(fn) {
			const before = this.queue.length;
			this.queue = this.queue.filter((one) => one.fn !== fn);

			return this.queue.length < before;
		},

		start() {
			this.timer ??= setInterval(() => this.step(), 1000);

			return true;
		},

		stop() {
			clearInterval(this.timer);
			this.timer = null;

			return true;
		},

		active() { return this.timer !== null; },

		step() {
			for (const one of this.queue) {
				if (this.tick % one.seconds !== 0 || !one.idle)
					continue;

				one.idle = false;
				Promise.resolve(one.fn()).finally(() => { one.idle = true; });
			}

			this.tick++;
		}
	}))();

	let modal = null;
	let before = null;

	const ui = new (Base.extend({
		showModal(title, children, ...classes) {
			before ??= document.activeElement;
			modal?.remove();

			const heading = E('h4', { 'id': 'modal-title' }, title);

			modal = E('div', { 'id': 'modal_overlay' }, [
				E('div', { 'class': [ 'modal', ...classes ].join(' '), 'role': 'dialog', 'aria-modal': 'true', 'aria-labelledby': 'modal-title', 'tabindex': '-1' }, [ heading ])
			]);
			dom.append(modal.firstChild, Array.isArray(children) ? children : [ children ]);
			document.body.appendChild(modal);
			modal.firstChild.focus();

			return modal.firstChild;
		},

		hideModal() {
			modal?.remove();
			modal = null;
			before?.focus();
			before = null;
		},

		addNotification(title, children, ...classes) {
			const note = E('div', { 'class': [ 'alert-message', 'fade-in', ...classes ].join(' '), 'role': 'alert' }, [
				E('div', {}, [
					title ? E('h4', {}, [ title ]) : null,
					children,
				]),
				E('button', { 'class': 'btn', 'click': (event) => event.target.closest('.alert-message').remove() }, [ _('Dismiss') ])
			]);

			document.getElementById('notices').prepend(note);

			return note;
		},

		createHandlerFn(context, fn, ...args) {
			const handler = typeof(fn) === 'string' ? context[fn] : fn;

			return (event) => {
				const button = event.currentTarget;

				button.classList.add(BUSY);
				button.disabled = true;
				Promise.resolve(handler.apply(context, [ ...args, event ])).finally(() => {
					button.classList.remove(BUSY);
					button.disabled = false;
				});
			};
		}
	}))();

	const modules = new Map([
		[ 'baseclass', Promise.resolve(Base) ],
		[ 'view', Promise.resolve(view) ],
		[ 'dom', Promise.resolve(dom) ],
		[ 'rpc', Promise.resolve(rpc) ],
		[ 'poll', Promise.resolve(poll) ],
		[ 'ui', Promise.resolve(ui) ]
	]);
	const defined = new Map();

	/* Called by each module once its script runs. */
	window.standInDefine = (name, needs, body) => defined.set(name, { needs, body });

	function require(name) {
		if (modules.has(name))
			return modules.get(name);

		const loading = new Promise((resolve, reject) => {
			const script = E('script', { 'src': '/module/' + name.replaceAll('.', '/') + '.js' });

			script.addEventListener('load', resolve);
			script.addEventListener('error', () => reject(new Error('Module ' + name + ' is not there')));
			document.head.appendChild(script);
		}).then(() => {
			const { needs, body } = defined.get(name);

			return Promise.all(needs.map(require)).then((given) => {
				const made = body(...given);

				/* A module that gives a class is used by its one instance. */
				return new made();
			});
		});

		modules.set(name, loading);

		return loading;
	}

	window.L = {
		env: { rpctimeout: CALL_SECONDS },
		hasViewPermission: () => mayChange,
		resource: (...parts) => '/luci-static/resources/' + parts.join('/'),
		url: (...parts) => '/' + parts.join('/'),
		resolveDefault: (value, otherwise) => Promise.resolve(value).catch(() => otherwise),
		require,
		Class: Base,
		dom,
		isObject,
		toArray: (value) => value === null || value === undefined ? [] : Array.isArray(value) ? value : [ value ]
	};

	function login(message) {
		const failed = E('p', { 'role': 'alert' }, [ message ?? '' ]);
		const field = (id, type, label, fill) => [
			E('label', { 'for': id }, [ label ]),
			E('input', { 'id': id, 'type': type, 'class': 'cbi-input-text', 'autocomplete': fill, 'required': '' })
		];
		const form = E('form', { 'class': 'login' }, [
			E('h2', {}, [ _('Authorization Required') ]),
			failed,
			...field('username', 'text', _('Username'), 'username'),
			...field('password', 'password', _('Password'), 'current-password'),
			E('button', { 'class': 'btn cbi-button-positive', 'type': 'submit' }, [ _('Log in') ])
		]);

		form.addEventListener('submit', (event) => {
			event.preventDefault();

			const [ username, password ] = form.querySelectorAll('input');

			session = null;
			send('session', 'login', { username: username.value, password: password.value }).then((result) => {
				if (result[0] !== 0)
					throw new Error(_('Invalid username and/or password! Please try again.'));

				sessionStorage.setItem(SESSION, result[1].ubus_rpc_session);
				location.reload();
			}).catch((error) => login(error.message));
		});
		dom.content(document.getElementById('view'), form);
		form.querySelector('input').focus();
	}

	function logout() {
		sessionStorage.removeItem(SESSION);
		location.reload();
	}

	function menu(nodes, path) {
		const tabs = Object.keys(nodes)
			.filter((key) => nodes[key].title && nodes[key].action.type === 'view')
			.sort((one, other) => nodes[one].order - nodes[other].order)
			.map((key) => E('li', { 'class': key === path ? 'active' : '' }, [
				E('a', { 'href': '/' + key, 'aria-current': key === path ? 'page' : null }, [ _(nodes[key].title) ])
			]));

		dom.content(document.getElementById('tabmenu'), tabs);
	}

	async function start() {
		const wanted = new URLSearchParams(location.search).get('lang');

		if (wanted !== null)
			translations = await fetch('/stand-in/translations/' + encodeURIComponent(wanted)).then((response) => response.ok ? response.json() : {});

		document.documentElement.lang = wanted ?? 'en';

		if (session === null)
			return login();

		const [ code ] = await send('session', 'access', {});
		const [ , mine ] = await send('session', 'access', { scope: 'access-group', object: GROUP, function: 'write' });

		mayChange = mine?.access === true;

		if (code !== 0) {
			sessionStorage.removeItem(SESSION);

			return login();
		}

		const out = document.getElementById('logout');
		dom.content(out, [ _('Log out') ]);
		out.addEventListener('click', logout);
		out.hidden = false;

		const nodes = await fetch('/stand-in/menu').then((response) => response.json());
		const path = location.pathname.replace(/^\/(?:cgi-bin\/luci\/)?/, '') || 'admin/services/homeca/home';
		const node = nodes[path];

		menu(nodes, path);

		if (node?.action.type !== 'view')
			return dom.content(document.getElementById('view'), E('p', {}, [ _('There is no such page.') ]));

		document.title = 'HomeCA – ' + _(node.title ?? 'Device');
		await require('view.' + node.action.path.replaceAll('/', '.'));
	}

	start().catch((error) => {
		dom.content(document.getElementById('view'), E('div', { 'class': 'alert-message danger' }, [ error.message ]));
	});
})();
