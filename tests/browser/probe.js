// What a person would see and hear of a page, for the tests; runs in every frame.
window.probe = (() => {
    const numbers = text => {
        const [red, green, blue, alpha = 1] = text.match(/[\d.]+(e-?\d+)?/g).map(Number)
        const scale = text.startsWith("color(") ? 255 : 1
        return [red * scale, green * scale, blue * scale, alpha]
    }
    const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1)
    const light = color => {
        const [red, green, blue] = color.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05)

    // The colour behind an element: what it and its ancestors paint, each asked once, `known` until then.
    const behind = (element, known) => {
        if (!element) return [255, 255, 255, 1]
        if (!known.has(element)) {
            const color = numbers(getComputedStyle(element).backgroundColor)
            known.set(element, color[3] === 1 ? color : over(color, behind(element.parentElement, known)))
        }
        return known.get(element)
    }
    const opacity = element => element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1
    const visible = e => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().width > 0

    // Every piece of text below `root`, with the element that colours it.
    function* texts(root) {
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
        while (walker.nextNode()) {
            const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim()
            if (text && !element.closest("script, style, title, desc, option, iframe, mjx-assistive-mml") && visible(element)) yield [element, text]
        }
        for (const field of root.querySelectorAll("input, select, textarea")) if (visible(field)) yield [field, field.value]
    }

    // What passes between widgets and kernel: changes that are not answered yet, and what went wrong, which shows nowhere on the page.
    const pending = new Set(), trouble = []
    const listen = () => jupyterapp.shell.currentWidget.sessionContext.session.anyMessage.connect((_, {msg, direction}) => {
        const {header, parent_header: parent, content} = msg
        if (direction === "send") {
            if (header.msg_type === "comm_msg") pending.add(header.msg_id)
            return
        }
        if (header.msg_type === "status" && content.execution_state === "idle") pending.delete(parent.msg_id)
        if (parent.msg_type === "execute_request") return
        if (header.msg_type === "error") trouble.push(`${content.ename}: ${content.evalue}`)
        // JupyterLab asks each new kernel for its widgets; one that has not loaded ipywidgets yet says so.
        const early = /^No such comm/.test(content.text)
        if (header.msg_type === "stream" && content.name === "stderr" && !early) trouble.push(content.text.trim())
    })
    const later = () => new Promise(done => setTimeout(done, 20))  // costs no frame, of which each is drawn whole
    const soon = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)))
    // A widget keeps changes back while one is on its way, so nothing may be pending twice in a row.
    // True then; false where that takes longer than `patience` milliseconds.
    const settle = async patience => {
        const began = performance.now()
        for (let calm = 0; calm < 2;) {
            if (performance.now() - began > patience) return false
            await (pending.size ? later() : soon())
            calm = pending.size ? 0 : calm + 1
        }
        return true
    }

    return {
        listen, settle, trouble,

        // WCAG 2.2, 1.4.3: texts whose contrast with what is behind them is below `least`, and how many were looked at.
        contrast(selector, least) {
            const weak = [], known = new Map()
            let count = 0
            for (const root of document.querySelectorAll(selector)) {
                for (const [element, text] of texts(root)) {
                    const style = getComputedStyle(element), back = behind(element, known)
                    const painted = element instanceof SVGElement ? style.fill : style.color
                    if (!/\d/.test(painted)) continue
                    const color = numbers(painted)
                    color[3] *= opacity(element)
                    const found = ratio(over(color, back), back)
                    count += 1
                    if (found < least) weak.push(`"${text.slice(0, 60)}": ${found.toFixed(1)}, ${painted} on rgb(${back.slice(0, 3)})`)
                }
            }
            return {count, weak}
        },

        // What a screen reader calls a control, also off the screen, where there is no innerText.
        name(control) {
            const spoken = (control.getAttribute("aria-labelledby") ?? "").split(/\s+/).map(id => document.getElementById(id)?.textContent ?? "")
            const labels = [...(control.labels ?? [])].map(label => label.textContent)
            const own = control.tagName === "BUTTON" ? control.textContent : ""
            const names = [spoken.join(" "), control.ariaLabel ?? "", labels.join(" "), own, control.title]
            return (names.find(name => name.trim()) ?? "").trim().replace(/:$/, "")
        },

        // Formulas that MathJax left raw: dollars around something, outside of code.
        raw(selector) {
            return [...document.querySelectorAll(selector)].flatMap(cell => {
                const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT)
                let text = ""
                while (walker.nextNode()) {
                    if (!walker.currentNode.parentElement.closest("code, pre, mjx-container")) text += walker.currentNode.data
                }
                return text.match(/\$[^$\n]+\$|\\\(.+?\\\)/g) ?? []
            })
        },
    }
})()
